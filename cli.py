"""The command `graphtrace`: a short function per verb; the only file that prints or exits."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, Union

import click
from click.core import ParameterSource

import demo_models
import render as drawing
import tracer
from demo_models import lecture
from render import formats
from render.errors import RenderError, wrong_choice
from render.layout import EngineMissing, LayoutTimeout
from render.options import OPTIONS, Option
from render.summary import count, described, loss
from render.theme import themes
from render.views import View, asking, views
from render.wish import Wish
from tracer import script

Select = Union[Literal["all", "first", "last"], int]
_Command = TypeVar("_Command", bound=Callable[..., None])
_EXPECTED: Final = (RenderError, EngineMissing, LayoutTimeout, tracer.GraphError, script.ScriptError)


class Refused(click.ClickException):
    """What was asked cannot be done: one clear sentence, exit code 2, nothing lost."""

    exit_code = 2


class Verb(click.Command):
    """A command that, given an option it does not know, says how options of the script are passed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            advice = f"Options of the script itself stand after --, as in: script.py -- {error.option_name}"
            raise click.UsageError(f"{error.format_message()} {advice}", ctx) from None


def picture_options(command: _Command) -> _Command:
    """Adds the options that say where and how to draw; the command gets them as one `Wish`."""

    def with_wish(outs: tuple[Path, ...], open_it: bool, **given: Any) -> None:
        options = {name: given.pop(name) for name in OPTIONS}
        own = {name: given.pop(name) for name in formats.options()}
        own = {name: value for name, value in own.items() if value is not None}
        source = click.get_current_context().get_parameter_source
        written = tuple(name for name in OPTIONS if source(name) is ParameterSource.COMMANDLINE)
        command(wish=Wish(outs, open_it, options, own, written), **given)

    with_wish.__doc__, with_wish.__name__ = command.__doc__, command.__name__
    with_wish.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    choices = (
        (
            ("-o", "--out", "outs"),
            {"multiple": True, "type": click.Path(path_type=Path), "metavar": "OUT"},
            "File to write, in the format of its suffix; may be repeated.  [default: an SVG here]",
        ),
        *(picture_option(name, option) for name, option in OPTIONS.items()),
        (("--open", "open_it"), {"is_flag": True}, "Open what was written."),
        *map(format_option, formats.options().values()),
    )
    for names, details, text in reversed(choices):
        with_wish = click.option(*names, help=text, **details)(with_wish)
    return with_wish  # type: ignore[return-value]


def picture_option(name: str, option: Option) -> tuple[tuple[str, ...], dict[str, Any], str]:
    """An option of every picture as the command line has it: its names, click's details and its help."""
    if option.kind is bool:
        return (option.flag or formats.flag(name), name), {"is_flag": True}, option.help
    details = {"default": option.default, "type": option.kind, "metavar": option.metavar, "multiple": option.many}
    return (option.flag or formats.flag(name), name), details, option.help


def format_option(option: formats.Option) -> tuple[tuple[str, ...], dict[str, Any], str]:
    """An option of single formats as the command line has it: its names, click's details and its help."""
    text, name = f"{', '.join(option.formats)}: {option.help}", formats.flag(option.name)
    if option.kind is bool:
        return (f"{name}/--no-{name[2:]}", option.name), {"default": None}, text
    return (name, option.name), {"type": option.kind, "metavar": {int: "N", float: "X"}.get(option.kind, "TEXT")}, text


def select_pass(_context: click.Context, _option: click.Parameter, text: str | None) -> Select | None:
    """The value of --pass."""
    if text in (None, "first", "last", "all"):
        return text  # type: ignore[return-value]
    if re.fullmatch(r"0*[1-9][0-9]{0,17}", text, flags=re.ASCII):
        return int(text)
    raise Refused(str(wrong_choice("pass", text, ("first", "last", "all", "its number from 1"))))


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="graphtrace", message="graphtrace %(version)s")
def main() -> None:
    """See what PyTorch code did: run it unchanged, and draw the graph of what it computed.

    \b
    Examples:
      graphtrace render train.py                     draws the first pass into train.svg
      graphtrace render train.py -o net.png --stop   ends the script after that pass
      graphtrace render train.py -- --epochs 3       passes arguments to the script
      graphtrace passes train.py                     lists what there is to draw
      graphtrace demo rnn_cell                       draws a small model that comes with graphtrace
    """  # noqa: D301 - \b is click's mark for lines to leave as they are


@main.command("render", cls=Verb)
@click.argument("words", nargs=-1, metavar="TARGET [-- ARGS]")
@click.option("-m", "module", metavar="MODULE", help="Run a module, as python -m does, in place of TARGET.")
@click.option("--stop", is_flag=True, help="End the script once the selected pass is complete.")
@click.option(
    "--pass",
    "select",
    callback=select_pass,
    metavar="first|last|all|N",
    help="Which pass to draw; all writes OUT-1, OUT-2, ...  [default: first]",
)
@picture_options
def render_command(words: tuple[str, ...], module: str | None, select: Select | None, stop: bool, wish: Wish) -> None:
    """Runs TARGET and draws what it computed.

    TARGET is a script, a function as package.module:function (called without arguments), a graph that was saved as
    .json, or an .svg picture of ours, which carries its graph. A script runs as under plain Python: same output, same
    exit code. What stands after -- is passed to it.

    \b
    Examples:
      graphtrace render train.py -o train.svg -o train.json
      graphtrace render train.py --pass last --level module --hide gradients
      graphtrace render mypackage.model:build_and_run -o model.png
      graphtrace render -m mypackage.train -- --epochs 3
      graphtrace render train.json -o train.dot      a saved graph; PyTorch is not needed
      graphtrace render fig.svg --theme dark -o fig2.svg
    """  # noqa: D301
    with refusals():
        if module is None and words and words[0].lower().endswith((".json", ".svg")):
            if select is not None or stop or words[1:]:
                raise Refused(f"{words[0]} is a saved graph, not a script: leave out --pass, --stop and arguments")
            draw_saved(words[0], wish)
        else:
            draw_program(*program_of(words, module), wish, select or "first", stop)


@main.command(cls=Verb)
@click.argument("words", nargs=-1, metavar="SCRIPT [-- ARGS]")
@click.option("-m", "module", metavar="MODULE", help="Run a module, as python -m does, in place of SCRIPT.")
def passes(words: tuple[str, ...], module: str | None) -> None:
    """Runs SCRIPT and lists its passes.

    A pass is one forward computation with its backward, where the script takes it.
    """
    with refusals():
        program, args = program_of(words, module)
        outcome = script.run(program, args, select="all")
        exit_if_nothing(program, outcome, "all")
    from rich.console import Console  # here, for it takes as long to load as all of ours, and pictures need none of it
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("pass", "line", "operations", "tensors", "loss"):
        table.add_column(title, justify="right")
    for graph in outcome.recording.graphs:
        table.add_row(str(graph.meta.get("pass", "")), str(graph.meta.get("line", "")), *count(graph), loss(graph))
    Console(highlight=False).print(table)
    sys.exit(outcome.code)


@main.command("list")
@click.argument("what", type=click.Choice(["formats", "themes", "views", "demos"]))
def list_command(what: str) -> None:
    """Lists formats, themes, views or demos."""
    if what == "formats":
        entries = {name: described_format(each) for name, each in formats.formats().items()}
    elif what == "demos":
        entries = {name: demo_models.about(name) for name in demo_models.available()}
        entries[lecture.NAME] = "The whole lecture: its demos in order, as one deck, in English or Russian."
    elif what == "views":
        entries = dict(row for each in views().values() for row in described_view(each))
    else:
        entries = {name: each.help for name, each in themes().items()}
    width = max(map(len, entries))
    for name, text in entries.items():
        click.echo(f"{name:<{width}}  {text}")


def described_view(view: View) -> Iterator[tuple[str, str]]:
    """What a view does, and under it a row for each option, as it is written."""
    yield view.name, view.help
    for option in asking.options(view).values():
        default = ",".join(option.default) if isinstance(option.default, tuple) else option.default
        usual = "" if default in (None, "") else f"  [default: {default}]"
        yield f"  {view.name}:{option.usage}", f"{option.help}{usual}"


def described_format(found: formats.Format) -> str:
    """What a format is for, its suffixes and its own options."""
    own = f"; {', '.join(found.flags)}" if found.flags else ""
    return f"{found.help} ({', '.join(found.suffixes)}{own})"


@main.command()
@click.argument("name")
@picture_options
def demo(name: str, wish: Wish) -> None:
    """Runs a demo model and draws it.

    The names are those of: graphtrace list demos

    \b
    Examples:
      graphtrace demo softmax                        draws what a lecturer would show of it
      graphtrace demo softmax -o softmax.html        tells it step by step, with code, tables and charts
      graphtrace demo lecture -o lecture.html --lang ru
    """  # noqa: D301
    with refusals():
        if name not in (*demo_models.available(), lecture.NAME):
            raise wrong_choice("demo", name, (*demo_models.available(), lecture.NAME))
        whole = name == lecture.NAME
        parts = lecture.parts() if whole else (lecture.part(name),)
        draw_demo(wish if wish.outs or not whole else replace(wish, outs=(Path("lecture.html"),)), name, parts)


def draw_demo(wish: Wish, name: str, parts: Sequence[lecture.Part]) -> None:
    """Runs demos, and writes what is shown of them: into a deck all of it, else each picture into a file of its own."""
    whole = name == lecture.NAME
    wish = wish.checked(name)
    wish = replace(wish, own={"animate": True, **wish.own}) if whole else wish  # there is nothing else to write of it
    pictures = [out for out in wish.outs if not tells(out, wish)]
    if whole and pictures:
        raise Refused(f"{pictures[0].name}: the lecture is a deck of many pictures: write it as {', '.join(decks())}")
    asked = {option: value for option, value in wish.options.items() if option in wish.given}
    showings = []
    for part in parts:
        program = script.script(str(demo_models.available()[part.demo]))
        outcome = script.run(program, (), select=part.select, elements=wish.elements, keep=True)
        exit_if_nothing(program, outcome, part.select)
        if outcome.code:
            sys.exit(outcome.code)
        graphs, variables = outcome.recording.graphs, outcome.variables
        say(described(graphs[0], outcome.recording.passes))
        showings.append(lecture.Showing(part, graphs, variables, wish.own.get("lang", "en"), asked))
    for out in wish.outs:
        if tells(out, wish):
            save(lecture.deck(showings, whole=whole), out, wish)
            continue
        drawn = formats.for_path(out).mime.startswith(("image/", "application/pdf"))
        shown = [*showings[0].pictures(charts=drawn)]
        for called, picture in shown:
            save(picture, out.with_name(called.join(formats.split(out))), wish)
        tell(*(picture for _, picture in shown))


def tells(out: Path, wish: Wish) -> bool:
    """Whether a file is to hold a deck."""
    found = formats.for_path(out)
    return found.deck and bool(wish.own.get("animate", found.is_deck))


def decks() -> list[str]:
    """The suffixes of the formats that hold many pictures."""
    return [found.suffixes[0] for found in formats.formats().values() if found.deck]


def program_of(words: Sequence[str], module: str | None) -> tuple[script.Program, Sequence[str]]:
    """What to run, and its arguments."""
    if module is not None:
        return script.Module(module), words
    if not words:
        raise click.UsageError("there is nothing to run: name a script, package.module:function, or -m MODULE")
    if re.fullmatch(r"\w+(\.\w+)*:\w+(\.\w+)*", words[0]) and not Path(words[0]).exists():
        return script.Function(words[0]), words[1:]
    return script.script(words[0]), words[1:]


def draw_program(program: script.Program, args: Sequence[str], wish: Wish, select: Select, stop: bool) -> None:
    """Runs a program, draws the selected passes, and exits as the program did."""
    if stop and select in ("last", "all"):
        raise Refused(f"--pass {select} needs the whole run: leave out --stop, or choose a pass by number")
    wish = wish.checked(program.name)  # now, not after an hour of training
    outcome = script.run(program, args, select=select, stop=stop, timed=wish.timed, elements=wish.elements)
    exit_if_nothing(program, outcome, select)
    for graph in outcome.recording.graphs:
        say(described(graph, outcome.recording.passes))
        write(graph, wish, f"-{graph.meta.get('pass')}" if select == "all" else "")
    sys.exit(outcome.code)


def draw_saved(path: str, wish: Wish) -> None:
    """Draws a graph that was saved earlier, or that a picture carries."""
    if path.lower().endswith(".svg") and not wish.outs:
        raise Refused(f"{path} is a picture already: name the new one with -o")
    wish = wish.checked(Path(path).stem)
    try:
        graph = tracer.load(path)
    except FileNotFoundError:
        raise Refused(f"there is no file {path}") from None
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None
    write(graph, wish)


def exit_if_nothing(program: script.Program, outcome: script.Outcome, select: Select) -> None:
    """Ends here, with a reason, where there is nothing to draw."""
    if outcome.child:
        sys.exit(outcome.code)
    if isinstance(outcome.error, ModuleNotFoundError) and outcome.error.name == "torch":
        raise Refused("PyTorch is missing: pip install torch (scalar scripts and saved graphs work without it)")
    if outcome.recording.graphs:
        return
    seen = outcome.recording.passes
    numbers = "1" if seen == 1 else f"1 to {seen}"
    if isinstance(select, int) and seen:
        message = f"there is no pass {select}: {program.path} made {seen} (choose {numbers}, first, last or all)"
    elif outcome.code:
        message = f"nothing was recorded: {program.path} ended before it computed anything"
    else:
        message = (
            f"nothing was recorded: {program.path} computed nothing with PyTorch or tracer.scalar. "
            "Does it call its model? Does it need arguments (after --)?"
        )
    if outcome.code == 0:
        raise Refused(message)
    say(message)
    sys.exit(outcome.code)  # the script's own failure comes first


def write(graph: tracer.Graph, wish: Wish, numbered: str = "") -> None:
    """Draws a graph into every file, and says what a reader should know."""
    pictures = drawing.figures(graph, **wish.options)
    for number, picture in enumerate(pictures, 1):
        which = numbered if len(pictures) == 1 else f"{numbered}-{number}"
        for out in wish.outs:
            save(picture, out.with_name(which.join(formats.split(out))), wish)
    tell(*pictures, told=all(map(wish.is_told, wish.outs)))


def save(picture: drawing.Drawing, path: Path, wish: Wish) -> None:
    """Writes a picture into a file, and says so."""
    with progress(f"drawing {path.name} ..."):
        picture.save(path, **wish.own_of(path))
    say(f"wrote {shown(path)}")
    if wish.open_it:
        click.launch(str(path))


def tell(*pictures: drawing.Drawing, told: bool = False) -> None:
    """Says what a reader of the pictures should know; where all are `told` step by step, of those that are told."""
    notes = [picture.said if told else picture.notes for picture in pictures]
    for note in dict.fromkeys(notes[0]):
        if all(note in others for others in notes):  # not the number of each figure
            say(f"note: {note}")


def shown(path: Path) -> str:
    """The path, relative to the current folder where it lies in it."""
    with contextlib.suppress(ValueError, OSError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def say(text: str) -> None:
    """A line of ours, apart from what the script prints; nobody hears it where the script has closed the stream."""
    with contextlib.suppress(ValueError, OSError):
        click.echo(text, err=True)


def progress(text: str) -> contextlib.AbstractContextManager[Any]:
    """A line that moves while long work goes on, where somebody is looking."""
    if sys.stderr is None or sys.stderr.closed or not sys.stderr.isatty():
        return contextlib.nullcontext()
    from rich.console import Console  # as above

    return Console(stderr=True).status(text)


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Words the errors that our own code foresees for the user."""
    try:
        yield
    except _EXPECTED as error:
        raise Refused(str(error)) from error


if __name__ == "__main__":
    main()
