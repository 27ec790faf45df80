"""What kind of work an operation does, by its name: a table that themes colour by and views filter by."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal, get_args

Family = Literal["matmul", "elementwise", "activation", "reduction", "view", "other"]
FAMILIES: Final[tuple[Family, ...]] = get_args(Family)

_TABLE: Final[dict[Family, str]] = {
    "matmul": """
        @ mm bmm mv matmul addmm addmv addbmm baddbmm dot vdot inner outer ger einsum tensordot linear bilinear
        conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution embedding embedding_bag
        scaled_dot_product_attention multi_head_attention_forward lstm gru rnn_tanh rnn_relu lstm_cell gru_cell
        rnn_tanh_cell rnn_relu_cell chain_matmul multi_dot mkldnn_convolution""",
    "elementwise": """
        + - * / // % ** neg add sub rsub mul div true_divide floor_divide remainder fmod pow square sqrt rsqrt
        reciprocal exp expm1 log log1p log2 log10 sin cos tan asin acos atan atan2 sinh cosh abs sign clamp clip minimum
        maximum where lerp addcmul addcdiv floor ceil round trunc erf masked_fill ~ & | ^ == != < <= > >= eq ne lt le gt
        ge dropout feature_dropout bernoulli logical_and logical_or logical_not bitwise_and bitwise_or cumsum
        cumprod""",
    "activation": """
        tanh sigmoid relu relu6 leaky_relu prelu elu selu celu gelu silu mish softplus softsign softmin softmax
        log_softmax logsigmoid hardtanh hardswish hardsigmoid glu threshold swiglu tanhshrink softshrink hardshrink""",
    "reduction": """
        sum mean prod std var norm vector_norm linalg_vector_norm max min amax amin argmax argmin logsumexp any all
        count_nonzero median nanmean nansum mse_loss l1_loss smooth_l1_loss huber_loss cross_entropy
        cross_entropy_loss nll_loss nll_loss_forward nll_loss_nd binary_cross_entropy
        binary_cross_entropy_with_logits kl_div hinge_embedding_loss cosine_embedding_loss margin_ranking_loss
        triplet_margin_loss ctc_loss gaussian_nll_loss poisson_nll_loss soft_margin_loss multi_margin_loss
        max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
        adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d max_pool2d_with_indices var_mean std_mean""",
    "view": """
        t T mT H mH adjoint view reshape transpose permute flatten unflatten ravel squeeze unsqueeze expand expand_as
        contiguous [] getitem __getitem__ slice select narrow chunk split unbind view_as reshape_as movedim swapaxes
        swapdims as_strided alias detach clone unfold diagonal broadcast_to tile repeat cat stack concat concatenate
        hstack vstack index_select gather numpy_T to type float double half bfloat16 long int cpu cuda _to_copy
        split_with_sizes _unsafe_view _reshape_alias lift_fresh real imag flip roll tensor_split""",
}
_FAMILY: Final = {name: family for family, names in _TABLE.items() for name in names.split()}

# Views only pass a tensor on in another form; of these the hue says so, but hiding them would hide what happened.
_MORE_THAN_VIEWS: Final = "cat stack concat concatenate hstack vstack repeat tile index_select gather flip roll clone"

DERIVATIVE: Final = "∂"  # before the name of what an operation of backward differentiates
_OPERATORS: Final = {"-": "−", "*": "×", "/": "÷", "neg": "−", "add": "+", "sub": "−", "mul": "×", "div": "÷"}


@lru_cache(maxsize=1024)
def family(op: str) -> Family:
    """The family of an operation, whichever way it is written: `mm`, `relu_`, `MmBackward0`, `_softmax`, `∂mm`."""
    op = op.removeprefix(DERIVATIVE)
    if op.startswith("["):  # an index, spelled as the author wrote it
        return "view"
    first = op.partition(" · ")[0]  # of a chain that is drawn as one (`conv · norm · relu`)
    op = "convolution" if first == "conv" else first
    for name in (op, op.rstrip("_") or op, op.strip("_"), op.lower(), _snake(op)):
        if name in _FAMILY:
            return _FAMILY[name]
    return "other"


def is_view(op: str) -> bool:
    """Whether the operation merely shows its input in another form (`t`, `view`, `[]`), so that it may be left out."""
    return family(op) == "view" and op.strip("_") not in _MORE_THAN_VIEWS.split()


def sign(op: str) -> str:
    """The sign of an operator as it is drawn (`×` for `*`, `∂×` in backward); other names as they stand."""
    if op.startswith(DERIVATIVE):
        return DERIVATIVE + sign(op.removeprefix(DERIVATIVE))
    return _OPERATORS.get(op, op)


def derivative(op: str) -> str:
    """What differentiates an operation, as students read it: `∂sum` for `sum` and for torch's `SumBackward0`."""
    if op.startswith(DERIVATIVE):
        return op
    return DERIVATIVE + (_snake(op) if is_autograd(op) else op)


def is_autograd(op: str) -> bool:
    """Whether the operation bears the name of an autograd node, such as `SumBackward0`."""
    return re.search(r"Backward\d*$", op) is not None


def _snake(op: str) -> str:
    """`ReluBackward0` as `relu`, `LogSoftmaxBackward0` as `log_softmax`."""
    stem = re.sub(r"Backward\d*$", "", op)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", stem).lower()
