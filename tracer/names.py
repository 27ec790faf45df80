"""A frame -> the line it is at, the variables the running expression is assigned to, and how the call was written.

What the author wrote is found with `syntax`, which maps the instruction a frame is at to a node of the syntax tree;
the answer is the same every time that instruction runs, so it is worked out once per (code, instruction).
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Final

from tracer.graph import Source

if TYPE_CHECKING:
    from tracer.builder import ValueDraft

TESTING = False  # tests set this, so that what degrades silently for users fails loudly for us
MAX_NAME: Final = 60  # characters; a longer target is no name but an expression
_OPERATORS: Final[Mapping[type[ast.AST], str]] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
    ast.USub: "-", ast.UAdd: "+", ast.Invert: "~", ast.Not: "not",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the author's code where something is called.

    Attributes:
        source: The line.
        targets: Names the results go to, in order; empty where they go to no variable.
        each: Whether every result bears the one target (a loop variable), not one after the other.
        operator: `+`, `@`, `-=`, `[0:2]` where an operator or subscript was written rather than a call.
        callee: What was called, as written (`model`, `self.fc1`), where that is a plain name.
        called: The last name of what was called (`mm` of `torch.mm` and of `f(x).mm`), None where nothing was.
        returned: Whether the result is what the function returns, so that the caller's line may name it.
    """

    source: Source
    targets: tuple[str, ...] = ()
    each: bool = False
    operator: str | None = None
    callee: str | None = None
    called: str | None = None
    returned: bool = False


# By the id of a code object, which is kept with them (to hash one takes longer than all the rest), and instruction.
_sites: dict[int, tuple[CodeType, dict[int, Site]]] = {}


def site(frame: FrameType) -> Site:
    """What stands at the instruction that `frame` is executing."""
    code, instruction = frame.f_code, frame.f_lasti
    known = _sites.get(id(code))
    if known is None:
        known = _sites[id(code)] = (code, {})
    found = known[1].get(instruction)
    if found is None:
        found = known[1][instruction] = _site(frame)
    return found


def targets(frame: FrameType, is_author: Callable[[CodeType], bool]) -> tuple[tuple[str, ...], bool]:
    """The variables the running expression goes to, looking through `return` into the author's calling frames.

    Args:
        frame: A frame of the author's.
        is_author: Tells whether a code object is the author's.

    Returns:
        The names in order, and whether each result bears the one name.
    """
    for _ in range(50):
        here = site(frame)
        if not here.returned or frame.f_back is None or not is_author(frame.f_back.f_code):
            return here.targets, here.each
        frame = frame.f_back
    return (), False


class Results:
    """Gives results the names of the variables they go to; the first name that a value gets stays.

    Args:
        is_author: Tells whether a code object is the author's.
    """

    def __init__(self, is_author: Callable[[CodeType], bool]) -> None:
        self._is_author = is_author
        self._pending: tuple[Any, list[tuple[ValueDraft, str]]] | None = None

    def assign(self, frame: FrameType, drafts: Sequence[ValueDraft], key: Any = None) -> None:
        """Names what the expression that `frame` is at, a frame of the author's, has given; as `give`."""
        self.give(drafts, *targets(frame, self._is_author), key)

    def give(self, drafts: Sequence[ValueDraft], found: Sequence[str], each: bool, key: Any = None) -> None:
        """Names results.

        Args:
            drafts: The results, in order.
            found: The variables that they go to, in order.
            each: Whether every result bears the one name.
            key: Tells the author's expression where several calls in a row may stand for it (`sum([...])`, a library's
                function written in Python): only the last of them is named.
        """
        pairs = _pair(drafts, found, each)
        if self._pending is not None and (key is None or self._pending[0] != key):
            self.finish()
        if key is not None:
            self._pending = (key, pairs)
        else:
            _apply(pairs)

    def finish(self) -> None:
        """Gives the names that still wait for a later call."""
        if self._pending is not None:
            _apply(self._pending[1])
            self._pending = None


def _pair(drafts: Sequence[ValueDraft], found: Sequence[str], each: bool) -> list[tuple[ValueDraft, str]]:
    if not found:
        return []
    if each and len(found) == 1:
        return [(draft, found[0]) for draft in drafts]
    if len(found) == 1 and len(drafts) > 1:
        return [(draft, f"{found[0]}[{index}]") for index, draft in enumerate(drafts)]
    return list(zip(drafts, found))


def _apply(pairs: Sequence[tuple[ValueDraft, str]]) -> None:
    for draft, name in pairs:
        if draft.name is None:
            draft.name = name


def variable(frame: FrameType | None, wanted: object, is_author: Callable[[CodeType], bool]) -> str | None:
    """The variable that holds `wanted` in `frame` or in the author's frames around it; None where there is none.

    Looks at local variables, at the attributes of `self`, and into lists, tuples and dicts one level deep. What a
    wrapper holds as `args[0]` mostly has a better name where it was called from.
    """
    passed_on = None
    for _ in range(8):
        if frame is None:
            break
        if is_author(frame.f_code):
            held = frame.f_locals
            name = _find(held, wanted)
            if _LEAVES_LOCALS and frame.f_code.co_flags & inspect.CO_NEWLOCALS and sys.getrefcount(held) == _HELD_BY_US:
                held.clear()
            if name is not None and not name.startswith(("args[", "kwargs[")):
                return name
            passed_on = passed_on or name
        frame = frame.f_back
    return passed_on


# Until Python 3.13 a frame keeps what `f_locals` has shown, and so keeps alive what its variables held then. The dict
# is emptied again, unless someone else holds it: the frame, our variable and the call that counts are the three of us.
_LEAVES_LOCALS: Final = sys.version_info < (3, 13)
_HELD_BY_US: Final = 3


def _find(names: Mapping[str, Any], wanted: object) -> str | None:
    for name, held in list(names.items()):
        if held is wanted and name != "self" and not name.startswith(("_", ".")):
            return name
    for name, held in list(names.items()):
        if name == "self" and hasattr(held, "__dict__"):
            for attribute, inner in list(vars(held).items()):
                if inner is wanted:
                    return f"self.{attribute}"
        for label, inner in _items(held):
            if inner is wanted and not name.startswith(("_", ".")):
                return f"{name}[{label}]"
    return None


def _items(held: Any) -> Iterator[tuple[str, Any]]:
    """What a small plain container holds; never runs code of the author's."""
    if type(held) in (list, tuple) and len(held) <= 256:
        yield from ((str(index), inner) for index, inner in enumerate(held))
    elif type(held) is dict and len(held) <= 256:
        yield from ((repr(key), inner) for key, inner in held.items() if isinstance(key, (str, int)))


def _site(frame: FrameType) -> Site:
    found = None
    try:
        from tracer.syntax import node

        found = node(frame)
    except Exception:
        if TESTING:
            raise
    return _describe(found, frame.f_code, frame.f_lineno)


def _describe(node: ast.AST | None, code: CodeType, line: int) -> Site:
    text = linecache.getline(code.co_filename, line).strip()
    if node is None or not hasattr(node, "lineno"):
        return Site(Source(code.co_filename, line, line, -1, code.co_name, text))
    first, last = getattr(node, "lineno", line), getattr(node, "end_lineno", line) or line
    text = linecache.getline(code.co_filename, first).strip()
    source = Source(code.co_filename, first, last, getattr(node, "col_offset", -1), code.co_name, text)
    names, each, returned = _targets(node)
    callee, called = _call(node)
    return Site(source, names, each, _operator(node), callee, called, returned)


def _targets(node: Any) -> tuple[tuple[str, ...], bool, bool]:
    """Names the value of `node` is assigned to, whether each result bears the name, and whether it is returned."""
    if isinstance(node, ast.AugAssign):
        return _spell(node.target), False, False
    index: int | None = None
    each = False
    child, parent = node, getattr(node, "parent", None)
    while parent is not None:
        if isinstance(parent, ast.Assign) and child is parent.value:
            found = _pick(parent.targets[0], index)
            return () if each and len(found) > 1 else found, each, False  # `a, b = (f() for ...)`: which is not known
        if isinstance(parent, (ast.AnnAssign, ast.NamedExpr)) and child is parent.value:
            return _pick(parent.target, index), each, False
        if isinstance(parent, (ast.For, ast.AsyncFor, ast.comprehension)) and child is parent.iter:
            return _spell(parent.target), True, False
        if isinstance(parent, ast.Return):
            return (), False, index is None
        if isinstance(parent, (ast.Tuple, ast.List)) and index is None and not each:
            index = parent.elts.index(child)
        elif isinstance(parent, (ast.ListComp, ast.GeneratorExp)) and child is parent.elt and index is None:
            each = True
        elif not (isinstance(parent, (ast.IfExp, ast.Await)) and child is not getattr(parent, "test", None)):
            return (), False, False
        child, parent = parent, getattr(parent, "parent", None)
    return (), False, False


def _pick(target: ast.AST, index: int | None) -> tuple[str, ...]:
    """The names of a target; of its part `index` where the value is one element of a tuple."""
    if index is None:
        return _spell(target)
    if isinstance(target, (ast.Tuple, ast.List)):
        plain = not any(isinstance(part, ast.Starred) for part in target.elts)
        return _spell(target.elts[index]) if plain and index < len(target.elts) else ()
    return tuple(f"{name}[{index}]" for name in _spell(target))


def _spell(target: ast.AST) -> tuple[str, ...]:
    """The variables of a target as written, left to right."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return tuple(name for part in target.elts for name in _spell(part))
    if isinstance(target, ast.Starred):
        return _spell(target.value)
    text = ast.unparse(target)
    return (text,) if len(text) <= MAX_NAME else ()


def _operator(node: Any) -> str | None:
    """How an operation was written where that is no call: `+`, `-=`, `[0:2]`."""
    if isinstance(node, (ast.BinOp, ast.UnaryOp)):
        return _OPERATORS.get(type(node.op))
    if isinstance(node, ast.AugAssign):
        return _OPERATORS.get(type(node.op), "") + "="
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _OPERATORS.get(type(node.ops[0]))
    if isinstance(node, ast.Subscript):
        inside = ast.unparse(node.slice)
        inside = inside.strip("()") if isinstance(node.slice, ast.Tuple) else inside
        text = f"[{inside if len(inside) <= MAX_NAME else '...'}]"
        return text if isinstance(node.ctx, ast.Load) else f"{text} ="
    return None


def _call(node: Any) -> tuple[str | None, str | None]:
    if not isinstance(node, ast.Call):
        return None, None
    func = node.func
    last = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    return _plain(func), last


def _plain(node: ast.AST) -> str | None:
    """The text of a name, or of attributes and subscripts of one; None for anything that computes."""
    inner: Any = node
    while isinstance(inner, (ast.Attribute, ast.Subscript)):
        inner = inner.value
    if not isinstance(inner, ast.Name) or any(isinstance(part, ast.Call) for part in ast.walk(node)):
        return None
    text = ast.unparse(node)
    return text if len(text) <= MAX_NAME else None
