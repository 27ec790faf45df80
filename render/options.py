"""What can be asked of a picture, whatever its format: an entry for each option, with how it is checked.

A field of `Options` is the whole of an option: what it means, its default, how what a user wrote is checked, and the
words of the command line, which takes its options from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, get_args

from render import text
from render.dims import Wanted, wanted
from render.errors import RenderError, wrong_choice
from render.page import PURPOSES, Target, size, targets
from render.quantities import QUANTITIES, Quantity
from render.scene import Direction
from render.theme import Theme
from render.theme import names as theme_names
from render.theme import theme as _read_theme
from render.views.asking import Asked, agree, asked
from render.views.collapse import check_depth
from render.views.levels import CHOICES as LEVELS

Style = Literal["data", "operations"]
STYLES: Final[tuple[Style, ...]] = get_args(Style)
DIRECTIONS: Final[tuple[Direction, ...]] = ("LR", "TB")

ITEMS: Final[dict[str, str]] = {
    "shapes": "sizes of tensors",
    "dtypes": "types of elements",
    "sizes": "bytes of tensors, and arrows as wide as what they carry",
    "values": "numbers in the tensors, or their mean",
    "gradients": "norms of gradients and the way they flow",
    "names": "the author's variables",
    "source": "file and line of each operation",
    "params": "parameters and buffers as boxes of their own",
    "backward": "operations of backward and of the optimizer",
    "constants": "constants, and numbers the author wrote",
    "views": "operations that only show a tensor in another form (t, view, [])",
}
# What no user asks for by name: `numbers`, a scalar's own value; `norms`, the norm of a gradient in words; `counts`, of
# parameters and operations; `results`, the names of results on arrows.
_ALWAYS: Final = frozenset({"shapes", "names", "constants", "views", "numbers", "norms", "counts", "results"})
_BELOW: Final = {"values": "numbers", "gradients": "norms", "names": "results"}  # who hides the one, hides the other
_PAGE: Final = 2_000  # characters of a title or caption
DEFAULT_ITEMS: Final[dict[Style, frozenset[str]]] = {
    "data": _ALWAYS | {"gradients", "params"},
    "operations": _ALWAYS,
}


@dataclass(frozen=True, slots=True)
class Option:
    """An option as a user writes it.

    Attributes:
        default: What is checked where nothing was given.
        check: What was given -> the value of the field; raises a `RenderError` that lists what is allowed.
        metavar: What stands behind the flag in the help of the command line.
        help: Its line there.
        kind: The type of its text on the command line.
        many: Whether it may be repeated there.
        flag: Its name there; empty for `--` and the name of the field.
    """

    default: Any
    check: Callable[[Any], Any]
    metavar: str
    help: str
    kind: type = str
    many: bool = False
    flag: str = ""


def _option(default: Any, check: Callable[[Any], Any], metavar: str, line: str, **more: Any) -> Any:
    option = Option(default, check, metavar, line, **more)
    return field(default_factory=lambda: option.check(option.default), metadata={"option": option})


def _among(what: str, choices: Iterable[str], *, optional: bool = False) -> Callable[[Any], Any]:
    """A check that takes one of `choices`, in any case of letters, and None where it may be left open."""
    spelled = {choice.lower(): choice for choice in choices}

    def check(given: object) -> str | None:
        if given is None and optional:
            return None
        if str(given).lower() not in spelled:
            raise wrong_choice(what, given, spelled.values())
        return spelled[str(given).lower()]

    return check


def _items(where: str) -> Callable[[str | Iterable[str]], tuple[str, ...]]:
    """A check that takes items, or one text with commas between them."""

    def check(given: str | Iterable[str]) -> tuple[str, ...]:
        names = given.split(",") if isinstance(given, str) else list(given)
        names = [str(name).strip() for name in names if str(name).strip()]
        for name in names:
            if name not in ITEMS:
                raise wrong_choice(f"item to {where}", name, ITEMS)
        return tuple(dict.fromkeys(names))

    return check


def _sentence(what: str) -> Callable[[object], str]:
    """A check that takes words of any length, on one line; what is longer than a page is cut."""

    def check(given: object) -> str:
        if given is not None and not isinstance(given, str):
            raise RenderError(f"{what} must be a text, not {type(given).__name__}")
        return text.elide(text.clean(given or ""), _PAGE)

    return check


def _theme(given: object) -> Theme:
    return _read_theme("light" if given is None else given)  # type: ignore[arg-type]


def _depth(given: int | None) -> int | None:
    check_depth(given)
    return given


def _quantity(given: object) -> Quantity | None:
    if given is None or isinstance(given, Quantity):
        return given
    if str(given).lower() not in QUANTITIES:
        raise wrong_choice("quantity to color by", given, QUANTITIES)
    return QUANTITIES[str(given).lower()]


def _engine(given: str) -> str:
    from render.layout import ENGINES  # here, for the engines import the scene, and it the options

    if given not in ENGINES:
        raise wrong_choice("layout engine", given, ENGINES)
    return given


@dataclass(frozen=True, slots=True)
class Options:
    """How to draw a graph.

    Attributes:
        level: `auto`, `module`, `function`, `kernel` or `autograd`.
        depth: Modules nested deeper than this are closed; None for no limit.
        view: Views to apply, in their order. Given as texts such as `collapse:depth=2`, or as pairs of a name and
            options: `("collapse", {"depth": 2})`.
        show: Items to draw although they are left out by default. Given as names, or one text with commas.
        hide: Items to leave out although they are drawn by default. Given as names, or one text with commas.
        direction: `LR` (left to right), `TB` (top to bottom), or None to choose by the depth of the graph.
        theme: A theme. Given as one, by its name, or as a TOML file with one.
        engine: Name of the layout engine.
        style: `data` (tensors are boxes, operations ovals), `operations` (operations are boxes, shapes stand on the
            arrows), or None to choose by the size of the graph.
        title: Stands above the picture and is the name of the document; empty for none.
        caption: Stands below it; empty for none.
        color_by: What boxes are coloured by, a name of `render.quantities.QUANTITIES`; None for the kinds of things.
        dims: Names of sizes. Given as a text such as `B=64 batch,T=5,4*T`, as `auto`, or as a mapping.
        purpose: `screen`, `slide`, `paper` or `poster`: the size of the page and of its text, and the theme unless one
            is chosen. All but `screen` fold, close and turn the graph until it can be read there.
        size: Width and height of the page in inches, in place of those of the purpose; a height of 0 is as much as the
            figure needs. Given as text, such as `13.33x7.5`, `12x8cm`, `1280x720px` or `3.35in`, or as two numbers.
        split: Whether what does not fit is drawn as several figures instead of folded.

    Raises:
        RenderError: An item is both to be shown and to be hidden, or there is no page to split for.
    """

    level: str = _option(
        "auto",
        _among("level", LEVELS),
        "module|function|kernel|autograd",
        "What a box stands for; by default the most detail that still reads.",
    )
    depth: int | None = _option(None, _depth, "N", "Close modules that are nested deeper.", kind=int)
    view: tuple[Asked, ...] = _option(
        (),
        asked,
        "NAME[:OPTION=VALUE,..]",
        "Apply this view; may be repeated, applied in order (graphtrace list views).",
        many=True,
    )
    show: tuple[str, ...] = _option("", _items("show"), "ITEM,..", f"Draw these items too: {', '.join(ITEMS)}.")
    hide: tuple[str, ...] = _option("", _items("hide"), "ITEM,..", "Leave these items out.")
    direction: Direction | None = _option(
        None,
        _among("direction", DIRECTIONS, optional=True),
        "LR|TB",
        "Left to right or top to bottom; by default what fits.",
    )
    theme: Theme = _option(
        None, _theme, "NAME|FILE.toml", f"Colours: {', '.join(theme_names())}, or your own in a file.  [default: light]"
    )
    engine: str = _option("layered", _engine, "layered|dot", "Layout; dot needs Graphviz.")
    style: Style | None = _option(
        None,
        _among("style", STYLES, optional=True),
        "data|operations",
        "Tensors as boxes between operations, or operations alone with shapes on the arrows; by default what fits.",
    )
    purpose: str = _option(
        "screen",
        _among("purpose", PURPOSES),
        "|".join(PURPOSES),
        "Fold, close and turn the graph until it can be read there: 13.33x7.5 in with text from 12 pt on a slide; 3.35 "
        "or 7 in wide, 7 to 9 pt, in greys on paper; A0, 24 pt on a poster.",
        flag="--for",
    )
    size: tuple[float, float] | None = _option(
        None, size, "WxH", "The page to fit to, in inches, or as 12x8cm, 120x80mm, 1280x720px; 3.35in is a width alone."
    )
    split: bool = _option(
        False,
        bool,
        "",
        "Draw what does not fit as several figures, OUT-1, OUT-2, ..., instead of folding it.",
        kind=bool,
    )
    title: str = _option(None, _sentence("title"), "TEXT", "Stands above the picture, and names the document.")
    caption: str = _option(None, _sentence("caption"), "TEXT", "Stands below the picture.")
    color_by: Quantity | None = _option(
        None,
        _quantity,
        "|".join(QUANTITIES),
        "Colour boxes by a quantity, with a scale; time also has the program timed while it runs.",
    )
    dims: Wanted = _option(
        None,
        wanted,
        "NAME=SIZE,..|auto",
        "Write names for sizes: B=64,T=5 or B=64 batch,4*H; auto finds names in what operations do.",
    )

    def __post_init__(self) -> None:
        both = [item for item in self.show if item in self.hide]
        if both:
            raise RenderError(f"{both[0]!r} is both to be shown and to be hidden: leave it out of one")
        agree(self.view, level=self.level, depth=self.depth, hide=self.hide)
        if self.split and not self.targets:
            raise RenderError("there is no page to split for: say which with --for slide, paper or poster, or --size")

    @property
    def targets(self) -> tuple[Target, ...]:
        """The pages that the picture may be fitted to; none where it is as large as it needs to be."""
        return targets(self.purpose, self.size)

    def items(self, style: Style) -> frozenset[str]:
        """The items to draw in a style."""
        hidden = {*self.hide, *(_BELOW[item] for item in self.hide if item in _BELOW)}
        return (DEFAULT_ITEMS[style] | set(self.show)) - hidden


OPTIONS: Final[dict[str, Option]] = {each.name: each.metadata["option"] for each in fields(Options)}


def checked(**given: Any) -> Options:
    """The options as a user gives them, checked.

    Args:
        **given: Any of `OPTIONS`, as described in `Options`; None for what was not chosen.

    Raises:
        RenderError: A choice that is not there; the message lists those that are.
    """
    for name in given:
        if name not in OPTIONS:
            raise wrong_choice("option", name, OPTIONS)
    chosen = {name: value for name, value in given.items() if value is not None}
    usual = PURPOSES[OPTIONS["purpose"].check(chosen.get("purpose", "screen"))].defaults
    return Options(**{name: OPTIONS[name].check(value) for name, value in {**usual, **chosen}.items()})
