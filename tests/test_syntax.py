"""What a frame is executing, found in its function alone: the same as in the whole file."""

import asyncio
import sys
import types

import executing
import pytest

from tracer import syntax

SOURCE = '''
"""A module."""
LAMBDA = lambda see: see(1)  # outside of any function


def decorated(function):
    return function


def plain(see): return see(1)


def long_header(
    see,
    times=(1,
2),
) -> int:
    text = """
def never(see):
    pass
"""
# a comment that stands at the margin

    total = see(
        1
    )
    return total + (
see(2)
    )


@decorated
@decorated
def nested(see):
    def inner(deeper):
        squares = [see(each) for each in range(2)]
        return deeper(squares)

    class Local:
        __private = 3

        def method(self):
            return inner(lambda squares: see(self.__private, squares))

    return Local().method()


class Outer:
    __private = 4

    def __init__(self, see):
        self.__see = see

    def method(self):
        first, second = self.__see(1), self.__see(2); return sum(self.__see(each) for each in (first, second))

    @property
    def looked_up(self):
        return self.__see(5)

    async def later(self):
        result = self.__see(self.__private)
        return result

    if True:
        @staticmethod
        def static(see):
            return see(6)
'''


def run(module: types.ModuleType, see: object) -> None:
    """Calls everything in the module."""
    module.LAMBDA(see)
    module.plain(see)
    module.long_header(see)
    module.nested(see)
    outer = module.Outer(see)
    outer.method()
    assert outer.looked_up == 5
    asyncio.run(outer.later())
    outer.static(see)


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "looked_at.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    import looked_at

    yield looked_at
    del sys.modules["looked_at"]


def where(node):
    return type(node).__name__, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def test_a_function_alone_tells_the_same_as_the_whole_file(module):
    seen = []

    def see(number, *_):
        frame = sys._getframe(1)
        part, whole = syntax._Part.executing(frame), executing.Source.executing(frame)
        assert whole.node is not None
        assert where(syntax.node(frame)) == where(whole.node)
        seen.append((frame.f_code.co_firstlineno, part.source is not whole.source, part.node is not None))
        return number

    run(module, see)
    lines = SOURCE.splitlines()
    in_whole = {lines[first - 1] for first, is_part, _ in seen if not is_part}
    assert in_whole == {"LAMBDA = lambda see: see(1)  # outside of any function", "def long_header("}
    assert len({first for first, _, _ in seen}) >= 10
    assert all(found for _, _, found in seen) or sys.version_info < (3, 11)


def test_what_cannot_be_cut_out_is_found_in_the_whole_file(module):
    found = []
    module.LAMBDA(lambda _: found.append(sys._getframe(1)))
    assert syntax._bounds(found[0].f_code, SOURCE.splitlines(True)) is None


def test_a_file_that_has_changed_is_read_again(tmp_path, monkeypatch):
    file = tmp_path / "edited.py"
    file.write_text("def f(see):\n    return see()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import edited

    def see():
        return where(syntax.node(sys._getframe(1)))

    assert edited.f(see)[1] == 2
    file.write_text("# now\n# longer\ndef f(see):\n    return see()\n")
    del sys.modules["edited"]
    import edited as again

    assert again.f(see)[1] == 4
    del sys.modules["edited"]
