"""The command: what it writes, what it says, and how it refuses."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import demo_models
import tracer
from cli import main
from render.formats import formats
from render.options import ITEMS
from render.theme import themes
from render.views import views
from tests.commands import graphtrace, python, write_files

COMPUTE = "from tracer.scalar import Scalar\nx = Scalar(2.0)\nloss = x * 3\nloss.backward()\n"
LOOP = "from tracer.scalar import Scalar\nfor n in range(3):\n    loss = Scalar(float(n)) * 3\n    loss.backward()\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a script of one pass and one of three."""
    write_files(tmp_path, {"one.py": COMPUTE, "three.py": LOOP, "none.py": "print('hello')\n"})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    """The command in this process."""
    return CliRunner().invoke(main, words)


def refused(*words: str) -> str:
    """The message of a command that must exit with 2, without a traceback and without writing a picture."""
    before = {path: path.read_bytes() for path in Path().glob("*.*")}
    result = run(*words)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert {path: path.read_bytes() for path in Path().glob("*.*")} == before
    return result.stderr


def test_every_output_is_written_in_the_format_of_its_suffix(folder: Path) -> None:
    suffixes = [suffix for each in formats().values() for suffix in each.suffixes]
    outs = [word for suffix in suffixes for word in ("-o", f"out{suffix}")]
    result = run("render", "one.py", *outs)
    assert result.exit_code == 0, result.output
    assert [line for line in result.stderr.splitlines() if line.startswith("wrote")] == [
        f"wrote out{suffix}" for suffix in suffixes
    ]
    assert (folder / "out.svg").read_text(encoding="utf-8").startswith("<svg")
    assert (folder / "out.png").read_bytes().startswith(b"\x89PNG")
    saved = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    assert (saved["schema"], saved["meta"]["script"]) == ("graphtrace/1", "one.py")


def test_it_says_what_was_captured_and_where_it_was_written(folder: Path) -> None:
    result = run("render", "one.py")
    assert (result.stdout, result.exit_code) == ("", 0)
    assert result.stderr == "pass 1: 1 operation, 3 tensors, loss 6\nwrote one.svg\n"


def test_an_operation_counts_once_however_many_kernels_it_runs(folder: Path) -> None:
    pytest.importorskip("torch")
    text = "import torch\nloss = torch.nn.functional.linear(torch.ones(1, 2), torch.ones(3, 2)).sum()\n"
    write_files(folder, {"it.py": text})
    assert run("render", "it.py").stderr.startswith("pass 1: 2 operations, 4 tensors")


@pytest.mark.parametrize(("which", "loss"), [("first", "0"), ("2", "3"), ("3", "6"), ("last", "6")])
def test_the_selected_pass_is_drawn(which: str, loss: str, folder: Path) -> None:
    result = run("render", "three.py", "--pass", which, "-o", "out.txt")
    assert result.stderr.splitlines()[0].endswith(f"of 3: 1 operation, 3 tensors, loss {loss}")
    assert f"loss {loss}" in (folder / "out.txt").read_text(encoding="utf-8")


def test_all_passes_go_to_numbered_files(folder: Path) -> None:
    assert run("render", "three.py", "--pass", "all", "-o", "out.svg", "-o", "out.json").exit_code == 0
    assert sorted(path.name for path in folder.glob("out*")) == [
        *("out-1.json", "out-1.svg", "out-2.json", "out-2.svg", "out-3.json", "out-3.svg"),
    ]
    assert [tracer.load(f"out-{number}.json").meta["pass"] for number in (1, 2, 3)] == [1, 2, 3]


def test_an_option_goes_to_the_files_whose_format_has_it(folder: Path) -> None:
    outs = ("-o", "a.png", "-o", "a.json", "-o", "a.svg")
    assert run("render", "one.py", *outs, "--scale", "1", "--indent", "2").exit_code == 0
    assert run("render", "one.py", "-o", "b.png", "-o", "b.json").exit_code == 0
    assert (folder / "a.png").stat().st_size < (folder / "b.png").stat().st_size
    assert (folder / "a.json").read_text(encoding="utf-8").count("\n") > 10
    assert (folder / "b.json").read_text(encoding="utf-8").count("\n") == 1


def test_numbered_files_keep_a_suffix_of_two_parts(folder: Path) -> None:
    assert run("render", "three.py", "--pass", "all", "-o", "out.scene.json").exit_code == 0
    assert sorted(path.name for path in folder.glob("out*")) == [f"out-{number}.scene.json" for number in (1, 2, 3)]


def test_a_saved_graph_gives_the_same_picture_as_the_script(folder: Path) -> None:
    assert run("render", "one.py", "-o", "one.json", "-o", "one.svg").exit_code == 0
    assert run("render", "one.json", "-o", "again.svg", "-o", "again.json").exit_code == 0
    assert (folder / "again.svg").read_bytes() == (folder / "one.svg").read_bytes()
    assert (folder / "again.json").read_bytes() == (folder / "one.json").read_bytes()


@pytest.mark.parametrize(
    "words",
    [
        *(["--theme", name] for name in themes()),
        *(["--show", name] for name in ITEMS),
        *(["--hide", name] for name in ITEMS),
        *(["--level", name] for name in ("module", "function", "kernel", "autograd")),
        *(["--view", name] for name, view in views().items() if view.bare),
        ["--view", "skip", "--view", "collapse:depth=1,to=modules"],
        *(["--style", name] for name in ("data", "operations")),
        *(["--direction", name] for name in ("LR", "TB")),
        ["--show", "values,source", "--hide", "gradients", "--depth", "1"],
    ],
    ids=" ".join,
)
def test_every_option_draws(words: list[str], folder: Path) -> None:
    result = run("render", "one.py", *words)
    assert result.exit_code == 0, result.output


def test_passes_lists_them(folder: Path) -> None:
    result = run("passes", "three.py")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["pass", "line", "operations", "tensors", "loss"],
        ["1", "4", "1", "3", "0"],
        ["2", "4", "1", "3", "3"],
        ["3", "4", "1", "3", "6"],
    ]


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("formats", formats()),
        ("themes", themes()),
        ("views", views()),
        ("demos", (*demo_models.available(), "lecture")),
    ],
)
def test_list_names_everything_with_its_help(what: str, names: object) -> None:
    lines = run("list", what).stdout.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(names)  # type: ignore[call-overload]
    assert all(len(line.split()) > 3 for line in lines)


def test_help_has_an_example_for_each_way_of_use() -> None:
    assert "graphtrace render train.py" in run("--help").output
    text = run("render", "--help").output
    for example in ("train.py", "mypackage.model:build_and_run", "-m mypackage.train", "train.json"):
        assert f"graphtrace render {example}" in text


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (["render"], ["nothing to run"]),
        (["render", "."], ["is a folder"]),
        (["render", "missing.py"], ["there is no file missing.py"]),
        (["render", "onee.py"], ["did you mean 'one.py'"]),
        (["render", "missing.json"], ["there is no file missing.json"]),
        (["render", "-m", "missing.module"], ["there is no module missing.module"]),
        (["render", "missing:function"], ["there is no module missing"]),
        (["render", "os:missing"], ["os has no 'missing'"]),
        (["render", "os:sep"], ["sep is no function"]),
        (["render", "os.path:join"], ["cannot be called without arguments"]),
        (["render", "none.py"], ["nothing was recorded", "Does it call its model?"]),
        (["passes", "none.py"], ["nothing was recorded"]),
        (["render", "three.py", "--pass", "7"], ["there is no pass 7: three.py made 3 (choose 1 to 3, first"]),
        (["render", "three.py", "--pass", "7", "--stop"], ["there is no pass 7"]),
        (["render", "three.py", "--pass", "lats"], ["unknown pass: 'lats'", "did you mean 'last'"]),
        (["render", "three.py", "--pass", "0"], ["unknown pass: '0'", "number from 1"]),
        (["render", "three.py", "--pass", "all", "--stop"], ["leave out --stop"]),
        (["render", "one.py", "-o", "out.sgv"], ["unknown suffix: '.sgv'", ".svg"]),
        (["render", "one.py", "-o", "out"], ["no suffix", ".svg"]),
        (["render", "one.py", "-o", "missing/out.svg"], ["the folder missing does not exist"]),
        (
            ["render", "one.py", "--theme", "lihgt"],
            ["unknown theme: 'lihgt'", "keras, light, micrograd", "did you mean 'light'"],
        ),
        (["render", "one.py", "--show", "gradient"], ["unknown item to show", "did you mean 'gradients'"]),
        (["render", "one.py", "--hide", "x"], ["unknown item to hide", "shapes, dtypes"]),
        (["render", "one.py", "--level", "kernels"], ["unknown level", "did you mean 'kernel'"]),
        (["render", "one.py", "--direction", "BT"], ["unknown direction", "LR, TB"]),
        (["render", "one.py", "--engine", "neato"], ["unknown layout engine", "layered, dot"]),
        (["render", "one.py", "--depth", "-1"], ["depth"]),
        (["render", "one.py", "--dpi", "300"], ["--dpi is an option of png, which is not written here (svg has"]),
        (["render", "one.py", "-o", "x.png", "--dpi", "0"], ["dpi must be a positive number, not 0.0"]),
        (["render", "one.py", "-o", "x.png", "--dpi", "3", "--scale", "3"], ["contradict each other"]),
        (["render", "one.py", "--dpy", "300"], ["No such option", "--dpi"]),
        (["render", "one.py", "--lr", "3"], ["No such option", "script.py -- --lr"]),
        (["demo", "rnn"], ["unknown demo: 'rnn'", "rnn_cell"]),
        (["list", "colours"], ["formats", "themes"]),
        (["paint"], ["No such command"]),
    ],
    ids=lambda given: " ".join(given) if (given and given[0] in main.commands) or given == ["paint"] else "",
)
def test_what_cannot_be_done_is_refused(words: list[str], messages: list[str], folder: Path) -> None:
    text = " ".join(refused(*words).split())
    for message in messages:
        assert message in text


@pytest.mark.parametrize("words", ["--theme x", "-o x.doc", "-o missing/x.svg", "--engine x", "--pass x", "--show x"])
def test_options_are_checked_before_the_script_runs(words: str, folder: Path) -> None:
    write_files(folder, {"slow.py": "print('it ran')\n" + COMPUTE})
    assert "it ran" not in run("render", "slow.py", *words.split()).output


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root can write to")
def test_a_folder_that_cannot_be_written_to_is_refused(folder: Path) -> None:
    assert "cannot write /proc/out.svg" in refused("render", "one.py", "-o", "/proc/out.svg")


def test_a_syntax_error_is_shown_as_python_shows_it(folder: Path) -> None:
    write_files(folder, {"broken.py": "x = 1\ndef f(:\n    pass\n"})
    text = refused("render", "broken.py")
    assert "line 2\n    def f(:\n          ^\nSyntaxError: invalid syntax\n" in text


HOSTILE = {
    "truncated": '{"schema": "graphtrace/1", "nodes": [',
    "no JSON": "hello",
    "another schema": '{"schema": "onnx/1"}',
    "a list": "[1, 2]",
    "deep nesting": "[" * 100_000,
    "a missing value": '{"schema": "graphtrace/1", "nodes": [{"id": 1, "op": "mm", "inputs": [9]}]}',
    "a number for text": '{"schema": "graphtrace/1", "nodes": [{"id": 1, "op": 3}]}',
    "a huge name": '{"schema": "graphtrace/1", "name": "' + "x" * 2_000_000 + '"}',
    "NaN": '{"schema": "graphtrace/1", "values": [{"id": NaN}]}',
    "a deep meta": '{"schema": "graphtrace/1", "meta": {"a": ' + '{"a": ' * 50_000 + "1" + "}" * 50_001 + "}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_json_that_is_no_graph_is_refused(name: str, folder: Path) -> None:
    (folder / "bad.json").write_text(HOSTILE[name], encoding="utf-8")
    assert "bad.json" in refused("render", "bad.json")


def test_labels_from_a_saved_graph_are_escaped(folder: Path) -> None:
    evil = "</text><script>alert(1)</script>\"'&\u0007\u202e -> {|}"
    document = {
        "schema": "graphtrace/1",
        "name": evil,
        "values": [{"id": 1, "name": evil}, {"id": 2, "name": evil}],
        "nodes": [{"id": 3, "op": evil, "inputs": [1], "outputs": [2]}],
    }
    (folder / "evil.json").write_text(json.dumps(document), encoding="utf-8")
    result = run("render", "evil.json", "-o", "evil.svg", "-o", "evil.dot", "-o", "evil.png", "-o", "evil.txt")
    assert result.exit_code == 0, result.output
    svg = (folder / "evil.svg").read_text(encoding="utf-8")
    assert "<script" not in svg
    assert "\u0007" not in svg
    assert "\u202e" not in svg


def test_a_graph_cannot_be_given_options_of_a_run(folder: Path) -> None:
    run("render", "one.py", "-o", "one.json")
    assert "is a saved graph" in refused("render", "one.json", "--pass", "2")
    assert "is a saved graph" in refused("render", "one.json", "--stop")


def test_the_old_picture_stays_when_the_new_one_fails(folder: Path) -> None:
    (folder / "out.svg").write_text("old", encoding="utf-8")
    refused("render", "none.py", "-o", "out.svg")
    refused("render", "three.py", "--pass", "7", "-o", "out.svg")
    assert (folder / "out.svg").read_text(encoding="utf-8") == "old"


def test_a_failing_script_that_computed_nothing_keeps_its_exit_code(folder: Path) -> None:
    write_files(folder, {"bad.py": "import sys\nsys.exit(7)\n"})
    result = graphtrace("render", "bad.py", cwd=folder)
    assert result.returncode == 7
    assert "nothing was recorded" in result.stderr


def test_engine_dot_needs_graphviz(folder: Path) -> None:
    found = shutil.which("dot") is not None
    result = graphtrace("render", "one.py", "--engine", "dot", cwd=folder, PATH=os.environ["PATH"] if found else "")
    assert result.returncode == (0 if found else 2), result.stderr
    without = graphtrace("render", "one.py", "--engine", "dot", cwd=folder, PATH=str(folder))
    assert without.returncode == 2
    assert "dot" in without.stderr
    assert "Traceback" not in without.stderr


NO_TORCH = """
    import importlib.abc, sys
    class NoTorch(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "torch":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    sys.meta_path.insert(0, NoTorch())
"""


def test_without_torch_scalar_scripts_and_saved_graphs_work(folder: Path) -> None:
    write_files(folder, {"path/sitecustomize.py": NO_TORCH, "deep.py": "import torch\n"})
    paths = os.pathsep.join([str(folder / "path"), str(Path(tracer.__file__).parent.parent)])
    assert graphtrace("render", "one.py", "-o", "one.json", cwd=folder, PYTHONPATH=paths).returncode == 0
    assert graphtrace("render", "one.json", "-o", "one.svg", cwd=folder, PYTHONPATH=paths).returncode == 0
    result = graphtrace("render", "deep.py", cwd=folder, PYTHONPATH=paths)
    assert result.returncode == 2
    assert result.stderr.startswith("Traceback")
    assert "pip install torch" in result.stderr


def test_a_saved_torch_graph_is_drawn_without_importing_torch(folder: Path) -> None:
    assert graphtrace("demo", "rnn_cell", "-o", "rnn.json", cwd=folder).returncode == 0
    command = "from cli import main; main(['render', 'rnn.json'], standalone_mode=False)"
    result = python("-c", f"{command}; import sys; print('torch' in sys.modules)", cwd=folder)
    assert result.stdout == "False\n", result.stderr
    assert (folder / "rnn.svg").exists()


def test_two_runs_write_the_same_bytes(folder: Path) -> None:
    for name in ("a", "b"):
        outs = [word for suffix in ("svg", "json", "dot") for word in ("-o", f"{name}.{suffix}")]
        result = graphtrace("demo", "rnn_cell", *outs, cwd=folder)
        assert result.returncode == 0, result.stderr
    for suffix in ("svg", "json", "dot"):
        assert (folder / f"a.{suffix}").read_bytes() == (folder / f"b.{suffix}").read_bytes()
