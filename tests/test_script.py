"""A script under graphtrace does what it does under plain Python: output, input, exit code, traceback, modules."""

from __future__ import annotations

import os
import re
import signal
import sys
import textwrap
import traceback
from pathlib import Path

import pytest

import tracer
from tests.commands import graphtrace, python, write_files
from tracer import record, script
from tracer.shadows import own_modules, script_modules_first
from tracer.tracebacks import hide_our_frames

COMPUTE = "from tracer.scalar import Scalar\nloss = Scalar(2.0) * 3\nloss.backward()\n"

ALIKE = {
    "what a module knows of itself": """
        import sys
        print(sys.argv, sys.path[0], __name__, __file__, __package__, __spec__, __cached__, __doc__)
        print(sorted(globals()), type(__loader__).__name__, __builtins__, sys.modules["__main__"].__dict__ is globals())
    """,
    "annotations without our own __future__": "number: 1 + 1 = 3\nprint(__annotations__)",
    "annotations with theirs": "from __future__ import annotations\nnumber: no_such_name = 3\nprint(__annotations__)",
    "standard input": "import sys\nprint(input(), sys.stdin.read())",
    "files beside it": "print(open('data.txt').read())",
    "exit code": "import sys\nprint('before')\nsys.exit(3)",
    "exit code that is none": "raise SystemExit",
    "exit message": "import sys\nsys.exit('no such model')",
    "exit in a function": "import sys\ndef main():\n    sys.exit(True)\nif __name__ == '__main__':\n    main()",
    "an exception": "def f(x):\n    return 1 / x\nprint('before')\nf(0)",
    "an exception from an exception": "try:\n    {}['x']\nexcept KeyError as e:\n    raise ValueError('bad') from e",
    "an exception of a module beside it": "import helper\nhelper.fail()",
    "an error in the syntax of a module beside it": "import broken",
    "an excepthook": "import sys\nsys.excepthook = lambda kind, error, trace: print('hook', trace.tb_lineno)\n1 / 0",
    "warnings": "import warnings\nwarnings.warn('old', DeprecationWarning)\nwarnings.warn('odd')",
    "atexit": "import atexit\natexit.register(print, 'bye')\nprint('hello')",
    "atexit after a failure": "import atexit\natexit.register(print, 'bye')\n1 / 0",
    "a thread that outlives it": """
        import threading, time
        def work():
            time.sleep(0.1); import __main__; print("done", __main__.work is work)
        threading.Thread(target=work).start()
        print("end")
    """,
    "a pool that nobody shuts down": """
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(2)
        print(pool.submit(pow, 2, 5).result())
    """,
    "pickle, dataclasses, inspect": """
        import dataclasses, inspect, pickle
        @dataclasses.dataclass
        class Point:
            x: int = 1
        print(pickle.loads(pickle.dumps(Point(3))), inspect.getsource(Point), inspect.getmodule(Point).__name__)
    """,
    "spawned processes": """
        import multiprocessing
        def double(x):
            return x * 2
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(double, [1, 2]))
    """,
    "stdout that it replaces": "import io, sys\nsys.stdout = io.StringIO()\nprint('unseen')",
    "stderr that it closes": "import sys\nprint('seen', flush=True)\nsys.stderr = None",
    "a folder that it leaves": "import os\nos.chdir('/')\nprint(os.getcwd())",
    "a global that hides a built-in": "print = print\nlen = 3\nprint(len, __builtins__.len('ab'))",
}


@pytest.mark.parametrize("name", ALIKE)
def test_a_script_does_what_it_does_under_plain_python(name: str, tmp_path: Path) -> None:
    text = textwrap.dedent(ALIKE[name])
    text = text + "\n" + COMPUTE if text.startswith("from __future__") else COMPUTE + text
    helpers = {"data.txt": "here", "helper.py": "def fail():\n    raise OSError('far')\n", "broken.py": "def (\n"}
    write_files(tmp_path, {"sub/it.py": text, **helpers})
    plain = python("sub/it.py", "a", "--b", cwd=tmp_path, stdin="one\ntwo\n")
    traced = graphtrace("render", "sub/it.py", "--", "a", "--b", cwd=tmp_path, stdin="one\ntwo\n")
    assert traced.stdout == plain.stdout
    assert traced.returncode == plain.returncode
    assert traced.stderr.startswith(plain.stderr)
    assert (tmp_path / "it.svg").exists()


def test_modules_beside_the_script_win_over_ours_and_over_those_loaded_already(tmp_path: Path) -> None:
    own = ("render", "cli", "demo_models", "click", "rich", "executing", "colorsys")
    files = {f"{name}.py": "number = 1\n" for name in own}
    files["tracer/__init__.py"] = "import torch\nnumber = 1\n"
    files["tracer/scalar.py"] = files["tests/helper.py"] = files["tests/__init__.py"] = "number = 1\n"
    files["it.py"] = f"""
        import {", ".join(own)}, tracer.scalar, tests.helper
        print({", ".join(f"{name}.number" for name in own)}, tracer.number, tracer.scalar.number, tests.helper.number)
        import torch
        x = torch.ones(2, requires_grad=True)
        (x * 3).sum().backward()
        print(x.grad)
    """
    write_files(tmp_path, files)
    plain = python("it.py", cwd=tmp_path)
    traced = graphtrace("render", "it.py", "-o", "it.txt", cwd=tmp_path)
    assert (traced.stdout, traced.returncode) == (plain.stdout, 0), traced.stderr
    assert "sum" in (tmp_path / "it.txt").read_text(encoding="utf-8")


def test_a_script_may_use_graphtrace_itself(tmp_path: Path) -> None:
    program = "import tracer, render, cli\n" + COMPUTE + "with tracer.record() as run:\n    y = Scalar(1.0) + 2\n"
    write_files(tmp_path, {"it.py": program + "print(len(run.graph.nodes))\n"})
    traced = graphtrace("render", "it.py", "-o", "it.txt", cwd=tmp_path)
    assert (traced.stdout, traced.returncode) == ("1\n", 0), traced.stderr


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig"])
def test_the_encoding_is_the_one_the_script_declares(encoding: str, tmp_path: Path) -> None:
    declared = "" if encoding == "utf-8-sig" else f"# -*- coding: {encoding} -*-\n"
    (tmp_path / "it.py").write_bytes((declared + COMPUTE + "print('naïve')\n").encode(encoding))
    assert graphtrace("render", "it.py", cwd=tmp_path).stdout == "naïve\n"


def test_a_module_runs_as_with_dash_m(tmp_path: Path) -> None:
    tell = "import sys\nprint(sys.argv, sys.path[0], __name__, __package__, __spec__.name, __file__)\n"
    write_files(
        tmp_path, {"package/__init__.py": "", "package/__main__.py": COMPUTE + tell, "package/sub.py": COMPUTE + tell}
    )
    for module in ("package", "package.sub"):
        plain = python("-m", module, "a", cwd=tmp_path)
        traced = graphtrace("render", "-m", module, "--", "a", cwd=tmp_path)
        assert (traced.stdout, traced.returncode) == (plain.stdout, 0), traced.stderr
    assert (tmp_path / "sub.svg").exists()


def test_a_function_runs_without_arguments(tmp_path: Path) -> None:
    write_files(tmp_path, {"package/model.py": f"def build():\n{textwrap.indent(COMPUTE, '    ')}"})
    traced = graphtrace("render", "package.model:build", cwd=tmp_path)
    assert traced.returncode == 0, traced.stderr
    assert (tmp_path / "build.svg").exists()


def test_a_failing_operation_is_drawn_and_its_traceback_is_pythons_own(tmp_path: Path) -> None:
    text = """
        import torch
        import torch.nn.functional as F
        x = torch.ones(2, 3)
        doubled = x * 2
        def score(y):
            return F.cross_entropy(y, torch.ones(2, 4))
        try:
            torch.mm(x, doubled)
        except RuntimeError:
            loss = score(doubled)
    """
    write_files(tmp_path, {"it.py": text})
    plain = python("it.py", cwd=tmp_path)
    traced = graphtrace("render", "it.py", "-o", "it.json", "-o", "it.svg", cwd=tmp_path)
    assert traced.returncode == plain.returncode == 1
    assert traced.stderr.startswith(plain.stderr)
    assert "up to the failure" in traced.stderr
    graph = tracer.load(tmp_path / "it.json")
    assert "multi-target not supported" in str(graph.meta["error"])
    assert "multi-target not supported" in (tmp_path / "it.svg").read_text(encoding="utf-8")


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or os.name == "nt", reason="signals are those of POSIX")
def test_ctrl_c_shows_the_traceback_and_draws(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {"it.py": COMPUTE + "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time; time.sleep(9)\n"},
    )
    traced = graphtrace("render", "it.py", cwd=tmp_path)
    assert traced.returncode == 130
    assert traced.stderr.startswith("Traceback (most recent call last):\n  File ")
    assert "KeyboardInterrupt\npass 1" in traced.stderr
    assert "script.py" not in traced.stderr
    assert (tmp_path / "it.svg").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_ends_without_drawing(tmp_path: Path) -> None:
    text = (
        COMPUTE
        + "import os, sys\nif os.fork() == 0:\n    sys.exit(5)\nprint(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    write_files(tmp_path, {"it.py": text})
    traced = graphtrace("render", "it.py", cwd=tmp_path)
    assert (traced.stdout, traced.returncode) == ("5\n", 0)
    assert traced.stderr.count("wrote") == 1


def test_outputs_land_in_the_folder_where_the_command_was_given(tmp_path: Path) -> None:
    write_files(tmp_path, {"it.py": COMPUTE + "import os\nos.chdir('/')\n"})
    assert graphtrace("render", "it.py", "-o", "a.svg", cwd=tmp_path).returncode == 0
    assert (tmp_path / "a.svg").exists()


def test_stop_ends_the_script_after_the_pass(tmp_path: Path) -> None:
    text = f"for step in range(5):\n    print(step)\n{textwrap.indent(COMPUTE, '    ')}"
    write_files(tmp_path, {"it.py": text})
    traced = graphtrace("render", "it.py", "--pass", "2", "--stop", cwd=tmp_path)
    assert traced.returncode == 0, traced.stderr
    assert traced.stdout.startswith("0\n1\n")
    assert "4" not in traced.stdout


def test_the_interpreter_is_put_back(tmp_path: Path) -> None:
    write_files(tmp_path, {"it.py": "import sys, colorsys\nsys.path.append('x')\nsys.excepthook = print\n" + COMPUTE})
    write_files(tmp_path, {"colorsys.py": "", "render.py": "", "json.py": "import nothing_of_the_kind"})
    import render

    before = (sys.argv, list(sys.path), sys.modules["__main__"], sys.excepthook, dict(sys.modules))
    outcome = script.run(script.script(str(tmp_path / "it.py")), ["a"])
    assert outcome.code == 0
    assert (sys.argv, list(sys.path), sys.modules["__main__"], sys.excepthook) == before[:4]
    assert {name: module for name, module in sys.modules.items() if name in before[4]} == before[4]
    assert sys.modules["render"] is render


def test_lazy_imports_of_ours_do_not_find_the_scripts_modules(tmp_path: Path) -> None:
    import render

    write_files(tmp_path, {"render.py": "theirs = True", "tracer.py": "theirs = True", "colorsys.py": "theirs = True"})
    with script_modules_first(str(tmp_path)):
        import colorsys

        import render

        assert render.theirs
        assert colorsys.theirs
        with own_modules():
            import render
            from tracer import load

            assert load is tracer.load
            assert not hasattr(render, "theirs")
            import colorsys

            assert not hasattr(colorsys, "theirs")
        import colorsys

        import render

        assert render.theirs
        assert colorsys.theirs
    import colorsys

    assert not hasattr(colorsys, "theirs")


@pytest.mark.parametrize(
    ("files", "name", "message"),
    [
        ({}, "it.py", "there is no file"),
        ({"trian.py": ""}, "train.py", "did you mean 'trian.py'"),
        ({"it.py/x": ""}, "it.py", "is a folder"),
        ({"it.py": "def f(:\n    pass\n"}, "it.py", "line 1\n    def f(:\n"),
        ({"it.py": "x = 1\0"}, "it.py", "null bytes"),
        ({"it.png": "\u00ff\0"}, "it.png", "neither a Python script nor"),
    ],
)
def test_what_cannot_be_run_is_refused(
    files: dict[str, str], name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, files)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(script.ScriptError, match=re.escape(message)):
        script.script(name)


def test_frames_of_ours_are_hidden_wherever_they_stand() -> None:
    import torch

    def fail(x: torch.Tensor) -> None:
        torch.nn.functional.cross_entropy(torch.nn.functional.max_pool2d(x, 2), x)

    def frames(error: BaseException) -> list[tuple[str, int, str]]:
        return [(each.filename, each.lineno or 0, each.name) for each in traceback.extract_tb(error.__traceback__)[1:]]

    with pytest.raises(RuntimeError) as plain:
        fail(torch.ones(4))
    with pytest.raises(RuntimeError) as traced, record():
        fail(torch.ones(4))
    assert len(frames(traced.value)) > len(frames(plain.value))
    hide_our_frames(traced.value)
    assert frames(traced.value) == frames(plain.value)
