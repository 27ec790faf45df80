"""Words and numbers as they are drawn: cleaned, shortened, spelled and measured without any font installed."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Final

from render import metrics
from render.scene import Text

MAX_LABEL: Final = 24  # characters in one line of a box; more do not read on a slide
_SUBSCRIPT_SCALE: Final = 12 / 17
LEAST: Final = 12.0  # font size of the smallest text there is, subscripts included
SUBSCRIPT_DROP: Final = 0.24  # below the base line, in sizes of the text before it

_WIDTHS: Final = {
    bold: {character: advance for advance, characters in table.items() for character in characters}
    for bold, table in ((False, metrics.REGULAR), (True, metrics.BOLD))
}
_DEFAULT_WIDTH: Final = {False: 1139, True: 1251}  # of a figure and of a bold capital: what most glyphs come near
_ENORMOUS: Final = 10**18  # no prefix reaches further
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs"})  # control, invisible formatting (bidi overrides too), half surrogates


def width(text: str, size: float, *, bold: bool = False, mono: bool = False) -> float:
    """Advance of `text` set in Arial, Helvetica or Liberation Sans, or in Courier New or Liberation Mono.

    Args:
        text: One line.
        size: Font size; the result is in the same unit.
        bold: Whether in the bold weight.
        mono: Whether in a face whose letters are all as wide; ideographs take two of them, marks upon others none.
    """
    if mono:
        return sum(_cells(character) for character in text) * metrics.MONO * size / metrics.UNITS_PER_EM
    table, default = _WIDTHS[bold], _DEFAULT_WIDTH[bold]
    return (
        sum(table.get(character) or _unlisted(character, default) for character in text) * size / metrics.UNITS_PER_EM
    )


@lru_cache(maxsize=4096)
def _cells(character: str) -> int:
    """How many letters of equal width a character takes."""
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


@lru_cache(maxsize=4096)
def _unlisted(character: str, default: int) -> int:
    """About the advance that the fonts have which stand in where Arial has no glyph."""
    category = unicodedata.category(character)
    if category in ("Mn", "Me"):  # drawn upon the character before
        return 0
    if unicodedata.east_asian_width(character) in "WF":
        return metrics.EMOJI if category == "So" else metrics.UNITS_PER_EM
    return max(default, metrics.SYMBOL) if category in ("Sm", "So") or character >= "\U0001d400" else default


def run(
    text: str,
    size: float,
    color: str,
    *,
    bold: bool = False,
    subscript: str = "",
    after: str = "",
    mono: bool = False,
) -> Text:
    """A measured run of text."""
    small = max(LEAST, round(size * _SUBSCRIPT_SCALE, 2)) if subscript else 0.0
    advance = width(text + after, size, bold=bold, mono=mono) + width(subscript, small, bold=bold, mono=mono)
    return Text(text, size, color, bold, subscript, small, after, round(advance, 2), mono=mono)


def name_run(name: str, size: float, color: str, *, limit: int = MAX_LABEL) -> Text:
    """A variable's name in bold: `W_h` with a subscript as its base is one letter, `next_h` as it stands."""
    base, index = indexed(name)
    return run(base if index else elide(name, limit), size, color, bold=True, subscript=index)


def indexed(name: str) -> tuple[str, str]:
    """A name whose base is one letter as base and index (`W_h` as `W` and `h`); any other as it is, with none."""
    base, _, index = name.partition("_")
    if len(base) == 1 and base.isalpha() and 0 < len(index) <= 3 and index.isalnum():
        return base, index
    return name, ""


def plain(runs: Iterable[Text]) -> str:
    """One line of runs as plain text, a subscript after `_`."""
    return "".join(f"{each.text}{'_' if each.subscript else ''}{each.subscript}{each.after}" for each in runs)


def line_width(runs: Iterable[Text]) -> float:
    """Advance of one line of runs."""
    return sum(each.width for each in runs)


def line_height(size: float) -> float:
    """Distance that a line of this size takes in a box."""
    return 1.25 * size + 1.2


def baselines(lines: Sequence[Sequence[Text]], top: float, height: float) -> list[float]:
    """Where the base line of each line lies, for a block centred in a box of `height` from `top`."""
    heights = [line_height(max((each.size for each in runs), default=0.0)) for runs in lines]
    y = top + (height - sum(heights)) / 2
    found = []
    for runs, step in zip(lines, heights, strict=True):
        size = max((each.size for each in runs), default=0.0)
        found.append(y + step / 2 + 0.31 * size)
        y += step
    return found


def clean(text: str) -> str:
    """`text` on one line, without control characters, invisible formatting or anything XML forbids."""
    if text.isprintable():  # no control, formatting or separator among it
        return text
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if character.isspace() or category in ("Zl", "Zp"):
            kept.append(" ")
        elif category not in _DROPPED and (ord(character) & 0xFFFE) != 0xFFFE:
            kept.append(character)
    return "".join(kept).strip()


def elide(text: str, limit: int = MAX_LABEL) -> str:
    """`text` with its middle replaced by an ellipsis where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    head = limit // 2
    return f"{text[:head]}…{text[len(text) - (limit - head - 1) :]}"


def wrap(runs: Text, limit: float) -> tuple[Text, ...]:
    """`runs` broken into lines no wider than `limit`: between words, and inside a word only where it is wider."""
    lines: list[str] = []
    for space, whole in _words(runs.text):
        for number, word in enumerate(_pieces(whole, runs, limit)):
            longer = f"{lines[-1]}{'' if number else space}{word}" if lines else word
            if lines and width(longer, runs.size, bold=runs.bold) <= limit:
                lines[-1] = longer
            else:
                lines.append(word)
    return tuple(replace(runs, text=line, width=round(width(line, runs.size, bold=runs.bold), 2)) for line in lines)


def _words(text: str) -> Iterator[tuple[str, str]]:
    """The parts between which a line may end, each with what joins it to the one before.

    They end at spaces, and after an ideograph or kana, but not before punctuation.
    """
    for whole in text.split():
        space, word = " ", ""
        for character, following in zip(whole, (*whole[1:], "")):
            word += character
            ended = _breaks(character) and not unicodedata.category(following or " ").startswith("P")
            if ended or (following and _breaks(following) and not unicodedata.category(character).startswith("P")):
                yield space, word
                space, word = "", ""
        if word:
            yield space, word


def _breaks(character: str) -> bool:
    """Whether a line may end beside it: scripts of East Asia have no spaces."""
    return bool(character) and character > "\u2e7f" and unicodedata.east_asian_width(character) in "WF"


def _pieces(word: str, runs: Text, limit: float) -> list[str]:
    """A word cut into pieces that fit (each has at least one character)."""
    pieces = [""]
    for character in word:
        if pieces[-1] and width(pieces[-1] + character, runs.size, bold=runs.bold) > limit:
            pieces.append("")
        pieces[-1] += character
    return pieces


def number(value: float) -> str:
    """A number for a reader: three significant digits (up to 9,999 all of a whole one), thousands apart, a minus."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return count(value) if abs(value) < 10**9 else _scientific(value)
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if value.is_integer() and abs(value) < 10_000:
        return count(int(value))  # 1,024 is not 1,020
    rounded = float(f"{value:.3g}")
    if rounded == 0:
        return "0"
    if 1e-3 <= abs(rounded) < 1e6:
        digits = max(0, 2 - math.floor(math.log10(abs(rounded))))
        shown = f"{rounded:,.{digits}f}"
        return (shown.rstrip("0").rstrip(".") if "." in shown else shown).replace("-", "−")
    return _scientific(value)


def _scientific(value: float) -> str:
    """As `1.23e−5`; whole numbers too large for a float included."""
    mantissa, exponent = f"{Decimal(value):.2e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}".replace("-", "−")


def count(value: int) -> str:
    """A whole number with its thousands separated."""
    if abs(value) >= 10**15:
        return _scientific(value)
    return f"{value:,}".replace("-", "−")


def size(count: float) -> str:
    """A number of bytes, in units of a thousand: `80 B`, `1.6 kB`, `2.65 MB`."""
    return si(count, "B")


def si(amount: float, unit: str) -> str:
    """An amount with the prefix of the SI that leaves up to three digits before the point: `3.1 ms`, `2.65 GFLOP`."""
    if abs(amount) >= _ENORMOUS:
        return f"{number(amount)} {unit}"
    shown = float(f"{amount:.3g}")
    power = math.floor(math.log10(abs(shown)) / 3 + 1e-9) if shown else 0
    power = min(5, max(-3, power))
    return f"{number(amount / 1000.0**power)} {('', 'k', 'M', 'G', 'T', 'P', 'n', 'µ', 'm')[power]}{unit}"


def shape(sizes: Sequence[int]) -> str:
    """Sizes as `20×1` or `50,257×768`; `?` for one that is not known; the empty text for a scalar."""
    return "×".join(count(size) if size >= 0 else "?" for size in sizes)
