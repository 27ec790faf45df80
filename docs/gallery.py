"""Draws the gallery, one page that needs no other file: `python docs/gallery.py gallery.html`.

Every picture is drawn by the command that stands under it. Of the programs in `docs/gallery/`, which are slow, each
runs once, and the command is given the graph that it leaves.
"""

from __future__ import annotations

import argparse
import ast
import base64
import html
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent
USUAL: Final = ("",)  # how a program is drawn that `SHOWN` does not name
SHOWN: Final[Mapping[str, Sequence[str]]] = {  # options of the pictures of a program, in the order of the page
    "rnn_cell": (
        "",
        "--theme pytorch",
        "--theme print --style operations --show gradients",
        "--view backward",
        "--view saved",
        "--view autograd --theme dark",
        "--for slide --title 'One step of a recurrent network'",
    ),
    "scalar_neuron": ("", "--theme micrograd"),
    "rnn_unrolled": ("", "--view time", "--view roll --dims B=1,H=20"),
    "softmax": ("",),
    "mlp": ("", "--theme keras", "--theme tensorflow --level module", "--view backward --theme colourblind"),
    "keras_functional": ("--theme keras",),
    "tensorflow_graph": ("--theme tensorflow",),
    "vanishing": ("--color-by gradient", "--show gradients --theme dark"),
    "lstm": (
        "--style operations",
        "",
        "--view time:steps=2 --style operations",
        "--view roll --theme pytorch",
    ),
    "transformer": (
        "--view 'collapse:module=*.attention,module=*.mlp' --view fold --direction TB --dims B=2,T=16,C=128",
        "",
        "--color-by flops --view 'focus:around=blocks.0.attention,hops=1'",
        "--for slide --theme dark",
    ),
    "resnet18": (
        "",
        "--color-by memory --view collapse:type=Block",
        "--depth 1 --theme keras",
        "--view focus:around=layer2.0,hops=1 --style operations",
        "--for paper",
    ),
    "inception": ("", "--level function --direction TB", "--view collapse:type=Branch --theme colourblind"),
    "gpt2": ("", "--depth 1", "--view focus:around=transformer.h.0.attn,hops=1 --theme dark", "--view auto:boxes=80"),
    "bert": ("", "--view collapse:type=BertLayer --view fold --theme print"),
    "t5": ("", "--level module --depth 2 --view fold"),
    "llama": ("", "--view focus:around=model.layers.0.self_attn,hops=1 --theme print"),
    "mixtral": ("", "--view focus:around=model.layers.0.mlp,hops=1"),
    "vit": ("", "--theme dark --for slide"),
    "whisper": ("", "--depth 2 --theme colourblind"),
    "diffusion": ("", "--depth 1"),
}
STYLE: Final = """
body { font: 16px/1.5 Arial, Helvetica, 'Liberation Sans', sans-serif; color: #1f2937; background: #f3f4f6; margin: 0 }
main, header { max-width: 1400px; margin: auto; padding: 0 24px }
nav a { margin-right: 12px }
a { color: #1d4ed8 }
figure { margin: 16px 0; padding: 16px; background: #ffffff; border-radius: 8px }
figure div { overflow: auto; max-height: 85vh; text-align: center }
img { max-width: 100% }
figcaption { margin-top: 8px }
code { background: #f3f4f6; padding: 4px 8px; border-radius: 4px; user-select: all; display: inline-block }
"""


class Program(NamedTuple):
    """Something to run and draw.

    Attributes:
        name: Of its file, without the suffix.
        path: Of that file.
        words: What follows `graphtrace` to run it.
    """

    name: str
    path: Path
    words: str

    @property
    def about(self) -> str:
        """The first line of its docstring."""
        docstring = ast.get_docstring(ast.parse(self.path.read_bytes())) or self.name
        return docstring.partition("\n")[0]


def programs() -> Iterator[Program]:
    """The demos, then the programs of the gallery, in the order of `SHOWN`, those it does not name first."""
    for folder, words in ((ROOT / "demo_models", "demo {name}"), (ROOT / "docs/gallery", "render {path}")):
        found = [path for path in folder.glob("*.py") if path.stem != "__init__"]
        place = {name: index for index, name in enumerate(SHOWN)}
        for path in sorted(found, key=lambda path: (place.get(path.stem, -1), path.stem)):
            where = path.relative_to(ROOT).as_posix()
            yield Program(path.stem, path, words.format(name=path.stem, path=where))


def graphtrace(*words: str) -> None:
    """Runs the command in the folder of the project.

    Raises:
        CalledProcessError: It failed; what it said is on standard error.
    """
    command = [sys.executable, "-c", "import cli; cli.main()", *words]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def section(program: Program, folder: Path) -> str:
    """A program with its pictures, which are left in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    words = shlex.split(program.words)
    if words[0] == "render":
        saved = folder / f"{program.name}.json"
        graphtrace(*words, "-o", str(saved))
        words = ["render", str(saved)]
    figures = []
    for number, options in enumerate(SHOWN.get(program.name, USUAL), 1):
        picture = folder / f"{program.name}-{number}.svg"
        graphtrace(*words, "-o", str(picture), "--no-embed", *shlex.split(options))
        others = sorted(folder.glob(f"{picture.stem}-*.svg")) if number == 1 else []  # charts and the like, once
        pictures = [picture, *others]
        command = " ".join(f"graphtrace {program.words} {options} -o {program.name}.svg".split())
        figures.append(figure(pictures, f"{program.about} {options}", command))
    return f'<h2 id="{program.name}">{program.name}</h2>\n<p>{html.escape(program.about)}</p>\n{"".join(figures)}'


def figure(pictures: Sequence[Path], words: str, command: str) -> str:
    """What one command draws, with the command under it."""
    images = [
        f'<div><img src="data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}" '
        f'alt="{html.escape(words)}"></div>'
        for path in pictures
    ]
    return f"<figure>{''.join(images)}<figcaption><code>{html.escape(command)}</code></figcaption></figure>\n"


def page(sections: Mapping[str, str]) -> str:
    """The whole page, of sections by the name of the program."""
    links = " ".join(f'<a href="#{name}">{name}</a>' for name in sections)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<title>graphtrace: gallery</title>\n'
        f"<style>{STYLE}</style>\n<header><h1>What graphtrace draws</h1>\n"
        f"<p>Each picture is drawn by the command under it, in the folder of the project.</p>\n"
        f"<nav>{links}</nav></header>\n<main>{''.join(sections.values())}</main>\n</html>\n"
    )


def main(words: Sequence[str] | None = None) -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="HTML file to write")
    parser.add_argument("--only", nargs="*", help="draw these programs alone")
    parser.add_argument("--keep", type=Path, help="folder to leave the graphs and the single pictures in")
    asked = parser.parse_args(words)
    chosen = [each for each in programs() if asked.only is None or each.name in asked.only]
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.keep or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        sections = {program.name: section(program, folder / program.name) for program in chosen}
    asked.out.write_text(page(sections), encoding="utf-8")


if __name__ == "__main__":
    main()
