"""A browser as a reader uses it: Chromium without a window, driven over a pipe. No library, no port, no network."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

FOUND = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
_QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
          "--disable-background-networking", "--disable-component-update", "--hide-scrollbars")  # fmt: skip
_IN, _OUT = 3, 4
"""Where Chromium reads commands and writes answers under --remote-debugging-pipe."""


class Browser:
    """One page of one browser; ``events`` collects what it told, ``said`` what of it was on the console."""

    def __init__(self, profile: Path) -> None:
        ends = [*os.pipe(), *os.pipe()]
        theirs_in, self._out, self._in, theirs_out = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 64) for end in ends)
        for end in ends:
            os.close(end)

        def place() -> None:
            os.dup2(theirs_in, _IN)
            os.dup2(theirs_out, _OUT)

        self._process = subprocess.Popen(
            [str(FOUND), *_QUIET, "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=place,  # noqa: PLW1509 -- two calls, no threads
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.events: list[dict[str, Any]] = []
        self._unread = b""
        self._number = 0
        self._session: str | None = None
        [page] = [item for item in self.call("Target.getTargets")["targetInfos"] if item["type"] == "page"]
        self._session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            more = os.read(self._in, 1 << 20)
            assert more, "the browser is gone"
            self._unread += more
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What the browser answers to a command of the DevTools protocol."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        while (answer := self._read()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, page: Path, *, width: int = 1280, height: int = 900) -> None:
        """Load a page and wait until it is there; below 700 pixels as a phone has it."""
        self.events.clear()
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        self.call("Page.navigate", url=page.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def run(self, script: str) -> Any:
        """The value of an expression on the page; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def said(self) -> list[dict[str, Any]]:
        """What the page told on its console, violations of its policy and errors among it."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [event["params"] for event in self.events if event["method"] in kinds]

    def asked_for(self) -> list[str]:
        """Addresses other than files and data that the page asked for."""
        asked = [item["params"]["request"]["url"] for item in self.events if item["method"].endswith("WillBeSent")]
        return [url for url in asked if not url.startswith(("file:", "data:"))]

    def shot(self, path: Path) -> None:
        """The whole page as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def printed(self, path: Path) -> None:
        """The page as PDF, as it would be printed."""
        answer = self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def close(self) -> None:
        """End the browser."""
        with contextlib.suppress(OSError, AssertionError):
            self.call("Browser.close")
        self._process.wait(timeout=20)
        os.close(self._in)
        os.close(self._out)
