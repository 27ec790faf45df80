"""How words and numbers are spelled, shortened and measured."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from render import text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.918273, "0.918"),
        (-2.4521, "−2.45"),
        (4.4721, "4.47"),
        (1.0, "1"),
        (0.0, "0"),
        (12345.678, "12,300"),
        (999.96, "1,000"),
        (0.00123456, "0.00123"),
        (0.000012345, "1.23e−5"),
        (-3.2e9, "−3.2e9"),
        (float("nan"), "nan"),
        (float("-inf"), "−∞"),
        (7, "7"),
        (1_234_567, "1,234,567"),
        (123 * 10**8000, "1.23e8002"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_numbers_have_three_significant_digits(value: float, shown: str) -> None:
    assert text.number(value) == shown


def test_counts_are_exact_up_to_a_size_that_reads() -> None:
    assert text.count(1_234_567_890) == "1,234,567,890"
    assert text.count(10**8000) == "1e8000"


@given(st.floats(-1e307, 1e307))
def test_a_number_is_read_back_to_within_half_a_unit_of_its_third_digit(value: float) -> None:
    shown = text.number(value)
    assert float(shown.replace(",", "").replace("−", "-")) == pytest.approx(value, rel=5.1e-3)
    assert "-" not in shown


def test_shapes_use_the_multiplication_sign() -> None:
    assert text.shape((20, 1)) == "20×1"
    assert text.shape(()) == ""


@given(st.text(max_size=200), st.integers(4, 60))
def test_an_elided_text_keeps_both_ends_and_fits(words: str, limit: int) -> None:
    short = text.elide(words, limit)
    assert len(short) <= limit
    if len(words) > limit:
        head, tail = short.split("…", 1) if words.count("…") == 0 else (short[:1], short[-1:])
        assert words.startswith(head)
        assert words.endswith(tail)
    else:
        assert short == words


@given(st.text(st.characters(), max_size=200))
def test_clean_text_is_one_line_of_characters_that_xml_allows(words: str) -> None:
    cleaned = text.clean(words)
    assert text.clean(cleaned) == cleaned
    assert not {unicodedata.category(character) for character in cleaned} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert "\ufffe" not in cleaned
    assert "\uffff" not in cleaned


def test_clean_keeps_what_people_write() -> None:
    assert text.clean("потеря é 損失 × −") == "потеря é 損失 × −"
    assert text.clean("a\tb\nc") == "a b c"
    assert text.clean("a\x1b[31m\u202eb\x00") == "a[31mb"


# Advances in 1/1000 em that the font designers published for Helvetica and Helvetica-Bold (Adobe Font Metrics).
@pytest.mark.parametrize(
    ("words", "bold", "thousandths"),
    [
        ("tanh", False, 278 + 556 + 556 + 556),
        ("WWW", False, 3 * 944),
        ("mm", True, 2 * 889),
        ("i l", False, 222 + 278 + 222),
    ],
)
def test_widths_are_those_of_helvetica(words: str, bold: bool, thousandths: int) -> None:
    assert text.width(words, 1000, bold=bold) == pytest.approx(thousandths, abs=2)


def test_other_scripts_and_marks_have_sane_widths() -> None:
    assert text.width("損失", 10) == 20
    assert text.width("e\u0301", 10) == text.width("e", 10)
    assert 0 < text.width("\U0001d6fc", 10) < 20


@given(st.text(max_size=50), st.text(max_size=50))
def test_width_adds_up(first: str, second: str) -> None:
    assert text.width(first + second, 13) == pytest.approx(text.width(first, 13) + text.width(second, 13))


@pytest.mark.parametrize(
    ("name", "base", "subscript"),
    [
        ("W_h", "W", "h"),
        ("h_10", "h", "10"),
        ("next_h", "next_h", ""),
        ("x", "x", ""),
        ("W_", "W_", ""),
        ("_h", "_h", ""),
    ],
)
def test_only_a_single_letter_gets_a_subscript(name: str, base: str, subscript: str) -> None:
    run = text.name_run(name, 17, "#000000")
    assert (run.text, run.subscript) == (base, subscript)


@given(st.text(st.characters(codec="ascii"), max_size=300), st.floats(30, 400))
def test_wrapped_lines_fit_and_lose_no_word(words: str, limit: float) -> None:
    lines = text.wrap(text.run(words, 13, "#000000"), limit)
    assert all(line.width <= limit + 0.01 for line in lines)
    assert "".join(line.text for line in lines).replace(" ", "") == "".join(words.split())


def test_lines_of_a_box_are_centred() -> None:
    lines = [(text.run("a", 17, "#000000"),), (text.run("b", 13, "#000000"),)]
    first, second = text.baselines(lines, top=100, height=48)
    assert 100 < first < second < 148
    assert second - first == pytest.approx((text.line_height(17) + text.line_height(13)) / 2 - 0.31 * 4)


def test_the_shipped_fonts_come_with_their_licence() -> None:
    folder = Path(text.__file__).parent / "fonts"
    licence = (folder / "OFL.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE" in licence
    for path in folder.glob("*.ttf"):
        assert path.name.partition("-")[0] in licence


def test_characters_that_arial_lacks_are_measured_by_the_fonts_that_stand_in() -> None:
    assert text.width("重み", 10) == 20
    assert text.width("ﾃ", 10) < text.width("テ", 10) == 10
    assert text.width("⊗", 10) == text.width("∇", 10) == pytest.approx(8.38, abs=0.01)
    assert text.width("🔥", 10) > 12
    assert text.width("e\u0301", 10) == text.width("e", 10)
    assert text.width("☀\ufe0f", 10) == text.width("☀", 10)
    assert text.width("Вес_Σ", 10) == pytest.approx(sum(text.width(each, 10) for each in "Вес_Σ"))
