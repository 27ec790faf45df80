"""Names for sizes: `B=64,T=5,H=20,4*H` as the user writes it -> shapes that read `B×T×4H`, and a legend that says so.

A name stands for every axis of its size. Where a size has two names, no shape tells which one is meant, so the number
stays, and a note says why.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from render import text
from render.errors import RenderError

AUTO: Final = "auto"
MAX_NAME: Final = 12  # characters
_LARGEST: Final = 10**12
_SYNTAX: Final = "such as B=64,T=5,H=20; a meaning may follow (B=64 batch), products of names too (4*H); or auto"


@dataclass(frozen=True, slots=True)
class Dim:
    """A size with a name.

    Attributes:
        name: As it stands in a shape (`B`, `4H`).
        size: How many elements.
        meaning: What it is, in words; may be empty.
        given: Whether the user gave it; what is inferred gives way to it.
    """

    name: str
    size: int
    meaning: str = ""
    given: bool = True

    @property
    def is_product(self) -> bool:
        """Whether it is made of other names."""
        return self.name[0].isdigit() or "·" in self.name

    @property
    def legend(self) -> str:
        """`B = 64 batch`."""
        return f"{self.name} = {text.count(self.size)}{' ' if self.meaning else ''}{self.meaning}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asks for, checked.

    Attributes:
        dims: Names with their sizes.
        infer: Whether to name more sizes from the graph.
    """

    dims: tuple[Dim, ...] = ()
    infer: bool = False

    def __bool__(self) -> bool:
        return self.infer or bool(self.dims)


@dataclass(slots=True)
class Dims:
    """Spells shapes with names, and keeps which names it used.

    Attributes:
        dims: What sizes are called.
        used: Names that stood in a shape so far, for the legend.
        doubted: Sizes of several names that stayed numbers.
    """

    dims: tuple[Dim, ...] = ()
    used: set[str] = field(default_factory=set)
    doubted: set[int] = field(default_factory=set)
    _by_size: Mapping[int, list[Dim]] = field(init=False)

    def __post_init__(self) -> None:
        self._by_size = by_size(self.dims)

    def shape(self, sizes: Sequence[int], *, weight: bool = False) -> str:
        """Sizes as `B×20`; as `text.shape` where none has a name.

        Args:
            sizes: Of a tensor.
            weight: Whether it is a parameter: what comes after its first two axes are sizes of a kernel, which bear no
                names, though they may be as large as something that does.
        """
        if not self.dims:
            return text.shape(sizes)
        named = 2 if weight and len(sizes) > 2 else len(sizes)
        return "×".join((*map(self._size, sizes[:named]), *(text.shape((size,)) for size in sizes[named:])))

    def _size(self, size: int) -> str:
        found = self._by_size.get(size, ())
        if len(found) != 1:
            self.doubted.update([size] if found else [])
            return text.shape((size,))
        self.used.add(found[0].name)
        return found[0].name

    def legend(self) -> list[str]:
        """What the names that were used stand for, in the order they were given; of a product, its factors too."""
        return [dim.legend for dim in self.dims if dim.name in self.used or self._is_factor(dim)]

    def _is_factor(self, dim: Dim) -> bool:
        return any(dim.name in factors(name) for name in self.used)

    def notes(self) -> list[str]:
        """Where a number stayed although it has a name."""
        rows = ((size, [dim.name for dim in self._by_size[size]]) for size in sorted(self.doubted))
        return [f"{_listed(names)} are both {text.count(size)}, which stays a number" for size, names in rows]


def by_size(dims: Iterable[Dim]) -> dict[int, list[Dim]]:
    """Names by size; a product stands back where a name of its own has the same size."""
    found: dict[int, list[Dim]] = {}
    for dim in dims:
        found.setdefault(dim.size, []).append(dim)
    return {size: [dim for dim in each if not dim.is_product] or each for size, each in found.items()}


def product(terms: Sequence[str | int]) -> str:
    """The name of a product: `4H`, `B·T`."""
    number = math.prod(term for term in terms if isinstance(term, int))
    names = [term for term in terms if isinstance(term, str)]
    return f"{'' if number == 1 and names else number}{'·'.join(names)}"


def factors(name: str) -> list[str]:
    """The names in a product (`4H` has `H`); of a plain name, itself."""
    return name.lstrip("0123456789").split("·")


def wanted(given: str | Mapping[str, int] | None) -> Wanted:
    """What the user asks for.

    Args:
        given: A text such as `B=64 batch,T=5,4*T`, or `auto`, or a mapping from name to size.

    Raises:
        RenderError: It is nothing of the kind; the message says what is.
    """
    if given is None:
        return Wanted()
    if isinstance(given, Mapping):
        items = [f"{name}={size}" for name, size in given.items()]
    elif isinstance(given, str):
        items = [item.strip() for item in given.split(",") if item.strip()]
    else:
        raise RenderError(f"dims must be a text or a mapping from names to sizes, {_SYNTAX}")
    if not items:
        raise RenderError(f"dims names no size: write names and sizes, {_SYNTAX}")
    plain = [_named(item) for item in items if "=" in item]
    _refuse_repeats(plain)
    known = {dim.name: dim.size for dim in plain}
    products = [_product(item, known) for item in items if "=" not in item and item.lower() != AUTO]
    return Wanted((*plain, *products), infer=any(item.lower() == AUTO for item in items))


def _named(item: str) -> Dim:
    name, _, rest = (part.strip() for part in item.partition("="))
    size, _, meaning = rest.partition(" ")
    if re.fullmatch(rf"[^\W\d_]\w{{0,{MAX_NAME - 1}}}", name) is None or name.lower() == AUTO:
        raise RenderError(
            f"dims: {name!r} cannot name a size (a letter, then up to {MAX_NAME - 1} letters, digits or _), {_SYNTAX}"
        )
    if not (size.isascii() and size.isdigit()) or not 0 < int(size[:20]) <= _LARGEST:
        raise RenderError(f"dims: {name} must be a whole number from 1 up, not {size!r}, {_SYNTAX}")
    return Dim(name, int(size), text.elide(text.clean(meaning), 40))


def _refuse_repeats(dims: Sequence[Dim]) -> None:
    names = [dim.name for dim in dims]
    for name in names:
        if names.count(name) > 1:
            raise RenderError(f"dims: {name} is given twice: a name stands for one size")


def _product(item: str, known: Mapping[str, int]) -> Dim:
    """A product of names and numbers (`4*H`, `B*T`)."""
    parts = [part.strip() for part in item.split("*")]
    if len(parts) < 2:
        raise RenderError(f"dims: {item!r} is not understood: write NAME=NUMBER, {_SYNTAX}")
    for part in parts:
        if part not in known and not (part.isascii() and part.isdigit() and 0 < int(part[:10]) <= 10**6):
            names = ", ".join(known) or "none"
            raise RenderError(f"dims: {part!r} in {item!r} is neither a number nor one of the names given ({names})")
    terms: list[str | int] = [part if part in known else int(part) for part in parts]
    return Dim(product(terms), math.prod(known[term] if isinstance(term, str) else term for term in terms))


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
