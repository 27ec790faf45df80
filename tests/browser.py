"""A headless Chromium for tests, spoken to over a pipe in its DevTools protocol; needs no package and no port."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "Home": 36, "End": 35, " ": 32, "Escape": 27, "Enter": 13}


class Page:
    """A page: what it says of itself, what it was asked for over the network, what went wrong in it."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.errors: list[str] = []
        self.requests: list[str] = []
        target = talk.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = talk.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        talk.hear(self._session, self._note)
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **given: Any) -> dict[str, Any]:
        return self._talk.ask(method, session=self._session, **given)

    def open(self, path: Path, width: int = 1280, height: int = 720, fragment: str = "") -> None:
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Page.navigate", url="about:blank")  # or it would only go to another place in the same page
        self.ask("Page.navigate", url=path.absolute().as_uri() + fragment)
        self.run("new Promise(done => document.readyState == 'complete' ? done() : addEventListener('load', done))")

    def run(self, script: str) -> Any:
        """The value of an expression; promises are waited for."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def press(self, *keys: str) -> None:
        for key in keys:
            facts = {"key": key, "windowsVirtualKeyCode": KEYS.get(key, ord(key[0].upper()))}
            facts |= {"text": key} if len(key) == 1 else {}
            self.ask("Input.dispatchKeyEvent", type="keyDown", **facts)
            self.ask("Input.dispatchKeyEvent", type="keyUp", **facts)

    def click(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def swipe(self, *places: tuple[float, float]) -> None:
        for number, (x, y) in enumerate(places):
            self.ask(
                "Input.dispatchTouchEvent", type="touchMove" if number else "touchStart", touchPoints=[{"x": x, "y": y}]
            )
        self.ask("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def prefers(self, **features: str) -> None:
        """Sets media features such as `prefers_reduced_motion`."""
        listed = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.ask("Emulation.setEmulatedMedia", features=listed)

    def picture(self) -> bytes:
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def pdf(self) -> bytes:
        answer = self.ask("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        return base64.b64decode(answer["data"])

    def _note(self, event: dict[str, Any]) -> None:
        facts = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(facts["request"]["url"])
        elif event["method"] == "Runtime.exceptionThrown":
            self.errors.append(str(facts["exceptionDetails"]))
        elif event["method"] == "Log.entryAdded" and facts["entry"]["level"] in ("error", "warning"):
            self.errors.append(facts["entry"]["text"])
        elif event["method"] == "Runtime.consoleAPICalled" and facts["type"] in ("error", "warning", "assert"):
            self.errors.append(str(facts["args"]))


class Talk:
    """Questions and answers over a pair of pipes, JSON texts with a zero byte after each."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._numbers = itertools.count(1)
        self._rest = b""
        self._listeners: dict[str, Any] = {}

    def hear(self, session: str, listener: Any) -> None:
        self._listeners[session] = listener

    def ask(self, method: str, session: str | None = None, **given: Any) -> dict[str, Any]:
        number = next(self._numbers)
        question = {"id": number, "method": method, "params": given} | ({"sessionId": session} if session else {})
        os.write(self._write, json.dumps(question).encode() + b"\0")
        for answer in self._messages():
            if answer.get("id") == number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            if answer.get("sessionId") in self._listeners and "method" in answer:
                self._listeners[answer["sessionId"]](answer)
        raise AssertionError(f"the browser has gone, at {method}")

    def _messages(self) -> Iterator[dict[str, Any]]:
        while True:
            while b"\0" not in self._rest:
                read = os.read(self._read, 1 << 20)
                if not read:
                    return
                self._rest += read
            message, _, self._rest = self._rest.partition(b"\0")
            yield json.loads(message)


@contextmanager
def browser() -> Iterator[Talk]:
    """Starts a browser of its own, with nobody's profile and no network to speak of."""
    assert CHROMIUM is not None
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()

    def wire() -> None:  # in the child: the protocol reads from descriptor 3 and writes to 4
        low, high = os.dup(theirs_in), os.dup(theirs_out)
        os.dup2(low, 3)
        os.dup2(high, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-dev-shm-usage"]
        options += ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        command = [CHROMIUM, *options, f"--user-data-dir={profile}", "--remote-debugging-pipe"]
        process = subprocess.Popen(
            command, preexec_fn=wire, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield Talk(ours_out, ours_in)
        finally:
            os.close(ours_out)
            os.close(ours_in)
            process.terminate()
            process.wait(20)
