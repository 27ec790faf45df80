"""How a graph is asked for: recorded in a `with` block, by one call of a model, or read behind a tensor."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from tracer.graph import DRAWABLE, Graph
from tracer.recording import CARRIERS, NothingRecorded, Recording


class NumberNeeded(RuntimeError):  # noqa: N818 - reads as the sentence it is
    """A program on fake tensors asked for a number (`x.item()`, `if x.sum() > 0`), and there is none."""


def record(
    select: Literal["all", "first", "last"] | int = "all",
    *,
    stop: bool = False,
    keep: bool = False,
    timed: bool = False,
    elements: int = DRAWABLE,
) -> Recording:
    """Records what runs inside a `with` block, in torch or on the scalar engine, one pass or many.

    A pass is one forward computation and, where the program takes it, its backward and the update after it. Outside
    the selected pass recording is off, so that a long training loop runs at its own speed.

    Args:
        select: Which passes to keep: `all`, `first`, `last`, or a number from 1.
        stop: End the block once the selected pass is complete, by raising `PassComplete`, which leaves the block.
        keep: Keep copies of the tensors that came from outside and of the states of random generators, as `materials`,
            so that `tracer.pytorch.replay` can run the graph again. Without it no tensor is kept.
        timed: Note in `Node.cost` what each of torch's kernels takes, in seconds. Work on an accelerator is waited for.
        elements: Keep the numbers of tensors of at most so many elements, as `Stats.value`: a deck that explains
            backward computes with them. Those of 16 or less are kept anyway, since a picture has room for them.

    Returns:
        A context manager; after the block its `graph` is the last pass and `graphs` holds every pass kept. An exception
        that ends the block has it too, as its attribute `graph`, up to the operation that failed; so has
        `KeyboardInterrupt`, when the user presses Ctrl-C.

    Raises:
        ValueError: `select` is none of these.

    Example:
        >>> import tracer
        >>> from tracer.scalar import Scalar
        >>> with tracer.record() as run:
        ...     x = Scalar(3.0)
        ...     y = x * x
        ...     y.backward()
        >>> [node.op for node in run.graph.nodes]
        ['*']
        >>> run.graph.named("x")[0].grad.value
        6.0
    """
    frame = inspect.currentframe()
    caller = frame.f_back if frame is not None else None
    name = "graph"
    if caller is not None and caller.f_code.co_name != "<module>":
        name = caller.f_code.co_name
    return Recording(select, stop=stop, keep=keep, timed=timed, elements=elements, name=name)


def trace(model_or_function: Callable[..., Any], /, *args: Any, fake: bool = False, **kwargs: Any) -> Graph:
    """Runs a module or function once and returns the graph of all it computed.

    What it computes and what it changes (buffers, random state) is what an ordinary call computes and changes. A
    function may run backward and optimizer steps too: `trace(lambda: loss_of(model(x)).backward())`.

    Args:
        model_or_function: What to call.
        *args: Its arguments.
        fake: Runs it on fake tensors, which have shapes and types but no elements, so that nothing is allocated and
            nothing is changed: modules are lent fake parameters while it runs, and real or meta tensors among the
            arguments become fake ones, those on the meta device where the others are, or on the CPU. The callable may
            as well build its model itself. A parameter of its own that is called `fake` must be passed by position,
            or from a function without arguments.
        **kwargs: Its keyword arguments.

    Returns:
        The graph; its inputs bear the names of the parameters they were passed as. Of what was returned without a
        backward, it tells what autograd keeps for one (`Value.saved_for_backward`).

    Raises:
        TypeError: The first argument cannot be called, or `fake` is neither True nor False.
        NothingRecorded: It computed nothing with tensors.
        NumberNeeded: On fake tensors, it needs a number; the message says at which line.
        Exception: Whatever the call raises; its attribute `graph` is the graph up to there, with the operation that
            failed, the shapes of its operands and its line. So has `KeyboardInterrupt`, when the user presses Ctrl-C.

    Example:
        >>> import torch, tracer
        >>> graph = tracer.trace(torch.nn.Linear(10, 5), torch.zeros(2, 10))
        >>> [scope.name for scope in graph.scopes if scope.kind == "function"]
        ['linear']
        >>> with torch.device("meta"):
        ...     model = torch.nn.Linear(10**6, 10**6)
        >>> tracer.trace(model, torch.zeros(1, 10**6), fake=True).totals().parameters
        1000001000000
    """
    if not callable(model_or_function):
        raise TypeError(f"trace() takes a module or function and its arguments, not {type(model_or_function).__name__}")
    if not isinstance(fake, bool):
        raise TypeError(
            f"fake must be True or False, not {type(fake).__name__}: pass a parameter of the model's own that is "
            "called 'fake' by position, or call the model in a function: trace(lambda: model(fake=...))"
        )
    run = Recording("all", name=_name(model_or_function))
    faked = _fakes(model_or_function, args, kwargs) if fake else contextlib.nullcontext((args, kwargs))
    with _handing_over(run), faked as (args, kwargs):
        named = _named_arguments(model_or_function, args, kwargs)
        with run:
            for name, argument in named.items():
                run.introduce(name, argument)
            outputs = run.known(model_or_function(*args, **kwargs))
    graph = run.whole
    if not graph.nodes:
        raise NothingRecorded("nothing was recorded: the call computed nothing with tensors (or tracer.scalar)")
    made = tuple(value for value in outputs if value in graph.value_by_id)
    return dataclasses.replace(graph, outputs=made or graph.outputs)


@contextlib.contextmanager
def _handing_over(run: Recording) -> Iterator[None]:
    """An exception carries the graph of all that was recorded, as `graph`."""
    try:
        yield
    except CARRIERS as error:
        with contextlib.suppress(AttributeError, TypeError, NothingRecorded):  # a class may have no room for it
            error.graph = run.whole  # type: ignore[union-attr]
        raise


def _fakes(target: Any, args: Any, kwargs: Any) -> contextlib.AbstractContextManager[tuple[Any, Any]]:
    from tracer.pytorch.fake import fakes

    return fakes(target, args, kwargs)


def from_tensor(var: Any, params: Any = None) -> Graph:
    """The autograd graph behind a tensor, after the fact.

    Args:
        var: A tensor that requires grad, or a nest (dict, list, tuple, dataclass) of tensors.
        params: Names of parameters: a mapping from name to tensor, a module, or pairs of name and tensor. Without it,
            the variables of the caller that hold tensors and modules name them.

    Returns:
        A graph whose nodes are autograd nodes, leaves first.

    Raises:
        TypeError: There is no tensor in `var`.
    """
    from tracer.pytorch.autograd import from_tensor as read
    from tracer.pytorch.nests import variables

    caller = inspect.currentframe()
    known = variables(caller.f_back.f_locals) if params is None and caller is not None and caller.f_back else params
    return read(var, known)


def _name(target: Any) -> str:
    name = getattr(target, "__name__", None) or type(target).__name__
    return str(name)


def _named_arguments(target: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by the names of the parameters they are passed as; of `forward` for a module."""
    try:
        bound = inspect.signature(getattr(target, "forward", target)).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return dict(kwargs)
    return dict(bound.arguments)
