"""A wall meter that is a real HTTP server on this machine: it answers as meters do, and as they should not."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str], bytes]


def shelly(power_W: Any = 123.4, total_Wh: Any = 56.789) -> dict[str, Any]:
    """What a Shelly of the second generation says of its switch."""
    return {
        "id": 0, "source": "init", "output": True, "apower": power_W, "voltage": 230.1, "current": 0.55, "pf": 0.97,
        "freq": 50.0, "aenergy": {"total": total_Wh, "by_minute": [2056.1, 2050.0, 2040.3], "minute_ts": 1763650800},
        "temperature": {"tC": 41.2, "tF": 106.2},
    }  # fmt: skip


def tasmota(power_W: Any = 123, total_kWh: Any = 1.234) -> dict[str, Any]:
    """What Tasmota says to Status 8."""
    return {
        "StatusSNS": {
            "Time": "2025-11-20T15:00:00",
            "ENERGY": {
                "TotalStartTime": "2025-01-01T00:00:00", "Total": total_kWh, "Yesterday": 0.5, "Today": 0.2,
                "Power": power_W, "ApparentPower": 130, "ReactivePower": 20, "Factor": 0.95, "Voltage": 230,
                "Current": 0.55,
            },
        }
    }  # fmt: skip


def home_assistant(power_W: Any = "123.4", total_kWh: Any = 1.5) -> dict[str, Any]:
    """What Home Assistant says of a sensor: each state is a text."""
    return {
        "entity_id": "sensor.plug_power",
        "state": power_W,
        "attributes": {"unit_of_measurement": "W", "device_class": "power", "total": total_kWh},
        "last_changed": "2025-11-20T15:00:00+00:00",
    }


class FakeMeter:
    """The server; ``say`` gives its answer, ``behave`` the way in which it is sent."""

    def __init__(self) -> None:
        self.say: Callable[[], Any] = shelly
        self.behave = "well"
        """well | chunked | status | redirect | slow | drip | huge | endless | continue | garbage | half | close |
        silent | keep-then-drop"""
        self.status = 500
        self.password = ""
        self.scheme = "Digest"
        self.paths: list[str] = []
        self.connections = 0
        self.released = threading.Event()
        """Lets go whoever is kept waiting."""
        meter = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                meter.connections += 1

            def do_GET(self) -> None:
                meter.paths.append(self.path)
                meter.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps(self.say()).encode() if not isinstance(said := self.say(), bytes) else said
        if self.password and not self._admits(handler):
            self._challenge(handler)
            return
        behaviour = getattr(self, f"_{self.behave.replace('-', '_')}")
        behaviour(handler, body)

    def _well(self, handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    def _status(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self._well(handler, b"an error", self.status)

    def _redirect(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self._well(handler, b"", 302, Location=f"{self.url}/elsewhere")

    def _slow(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self.released.wait(20)
        self._well(handler, body)

    def _drip(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """A byte at a time, each soon enough."""
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        for place in range(len(body)):
            handler.wfile.write(body[place : place + 1])
            if self.released.wait(0.05):
                return

    def _huge(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self._well(handler, body + b" " * (1 << 20))

    def _endless(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        while not self.released.is_set():
            handler.wfile.write(b"[" * 65536)

    def _continue(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """For ever about to answer."""
        handler.close_connection = True
        while not self.released.is_set():
            handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    def _garbage(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.wfile.write(b"\x00\xffno HTTP at all\r\n\r\n")
        handler.close_connection = True

    def _half(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self._well(handler, body[: len(body) // 2], Connection="close")
        handler.close_connection = True

    def _close(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.close_connection = True

    def _silent(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self._well(handler, b"")

    def _keep_then_drop(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Promise to keep the connection, and close it."""
        self._well(handler, body)
        handler.close_connection = True

    def _chunked(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for part in (body[:10], body[10:]):
            handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    def _challenge(self, handler: BaseHTTPRequestHandler) -> None:
        asked = (
            'Digest qop="auth", realm="shellyplug-0123", nonce="1763650800", algorithm=SHA-256'
            if self.scheme == "Digest"
            else f'{self.scheme} realm="meter"'
        )
        self._well(handler, b"{}", 401, WWW_Authenticate=asked)

    def _admits(self, handler: BaseHTTPRequestHandler) -> bool:
        given = handler.headers.get("Authorization", "")
        if self.scheme == "Query":
            return f"&user=admin&password={self.password}" in handler.path
        if self.scheme != "Digest":
            return given == f"{self.scheme} {self.password}"
        parts = dict(re.findall(r'(\w+)="?([^",]+)"?', given))
        if parts.get("uri") != handler.path:
            return False

        def digest(text: str) -> str:
            return hashlib.sha256(text.encode()).hexdigest()

        proof = (
            f"{digest(f'admin:shellyplug-0123:{self.password}')}:1763650800:{parts['nc']}:{parts['cnonce']}:auth"
            f":{digest('GET:' + handler.path)}"
        )
        return parts.get("response") == digest(proof)


class LateLoad:
    """A power that follows a load so many seconds behind: what a meter on another clock, or a slow one, shows."""

    def __init__(self, power_W: Callable[[int], float], late_s: float) -> None:
        self.power_W, self.late_ns = power_W, round(late_s * 1e9)

    def __call__(self) -> dict[str, Any]:
        return shelly(self.power_W(time.monotonic_ns() - self.late_ns))
