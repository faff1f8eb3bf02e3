"""One question over HTTP, answered whole within a time or not at all. Standard library only.

::

    line = Line(address, path, login, timeout_s)
    line.ask()      -> Answer: the body, and when it was asked and answered; raises NoAnswer

The connection is kept; one that the other side has closed meanwhile is made anew. The time limit holds for the whole
exchange, so that an answer that drips is none; redirects are not followed; a body beyond 64 KiB is not read. The words
of a NoAnswer hold neither address nor password nor anything of the answer: they are recorded.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

from harness.addresses import Address
from harness.sensors.clock import CLOCK, Clock
from harness.sensors.meter_login import Login

BODY_B = 1 << 16
"""A meter's whole status is a few KiB."""
EXCHANGE_B = 1 << 18
"""Headers and body together, beyond which reading ends."""


class NoAnswer(Exception):
    """Why there is no reading, in a few words that are the same each time; counted by them."""


class Answer(NamedTuple):
    """What came back, and when."""

    body: bytes
    asked_ns: int
    """CLOCK_MONOTONIC when the request was sent, the connection already standing."""
    answered_ns: int
    """When the answer was whole."""


class Line:
    """A kept connection to one meter, for one question."""

    def __init__(
        self, address: Address, path: str, login: Login | None, timeout_s: float, *, clock: Clock = CLOCK
    ) -> None:
        self._address, self._path, self._login = address, path, login
        self._timeout_s, self._clock = timeout_s, clock
        self._connection: http.client.HTTPConnection | None = None
        self._until_ns = 0
        self.connections = 0
        """How many were made."""

    def ask(self) -> Answer:
        """Ask once; raises NoAnswer."""
        self._until_ns = self._clock.now_ns() + round(self._timeout_s * 1e9)
        try:
            kept = self._connection is not None
            try:
                return self._ask()
            except (ConnectionError, http.client.BadStatusLine):
                if not kept:
                    raise
                self.close()  # it was kept for too long: the other side had closed it
                return self._ask()
        except NoAnswer:
            self.close()
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise NoAnswer(_words(error, self._timeout_s)) from error

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()

    def left_s(self) -> float:
        """What is left of this exchange's time; raises TimeoutError when it is over."""
        left_s = (self._until_ns - self._clock.now_ns()) / 1e9
        if left_s <= 0:
            raise TimeoutError
        return left_s

    def _ask(self) -> Answer:
        status, headers, answer = self._exchange(self._login.headers(self._path) if self._login else {})
        if status == 401 and self._login is not None and self._login.challenged(headers.get_all("WWW-Authenticate")):
            status, headers, answer = self._exchange(self._login.headers(self._path))
        if status != 200:
            raise NoAnswer(_status_words(status, self._login is not None))
        return answer

    def _exchange(self, headers: Mapping[str, str]) -> tuple[int, Any, Answer]:
        connection = self._connect()
        asked_ns = self._clock.now_ns()
        connection.request("GET", self._path, headers={"Accept": "application/json", **headers})
        with connection.getresponse() as response:
            if (response.length or 0) > BODY_B:
                raise NoAnswer("an answer of more than 64 KiB")
            body = response.read(BODY_B + 1)
            answered_ns = self._clock.now_ns()
            if len(body) > BODY_B:
                raise NoAnswer("an answer of more than 64 KiB")
            return response.status, response.headers, Answer(body, asked_ns, answered_ns)

    def _connect(self) -> http.client.HTTPConnection:
        """The connection, made where there is none; http.client itself drops one that the answer has closed."""
        connection = self._connection
        if connection is None or connection.sock is None:
            made = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
            connection = made(self._address.host, self._address.port, timeout=self.left_s())
            connection.connect()
            connection.sock = _Bounded(connection.sock, self)
            self._connection = connection
            self.connections += 1
        assert isinstance(connection.sock, _Bounded)
        connection.sock.begin()
        return connection


class _Bounded:
    """A socket whose every wait ends with the exchange, and that hands on no more than EXCHANGE_B."""

    def __init__(self, sock: socket.socket, line: Line) -> None:
        self._sock, self._line, self._left_B = sock, line, EXCHANGE_B

    def begin(self) -> None:
        """Another exchange begins."""
        self._left_B = EXCHANGE_B

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._line.left_s())
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self, self._sock.makefile("rb", buffering=0)))

    def close(self) -> None:
        self._sock.close()

    def read_into(self, raw: io.RawIOBase, buffer: Any) -> int | None:
        """As raw.readinto, within what is left of time and bytes."""
        self._sock.settimeout(self._line.left_s())
        count: int | None = raw.readinto(buffer)
        self._left_B -= count or 0
        if self._left_B < 0:
            raise NoAnswer("an answer of more than 64 KiB")
        return count


class _Reader(io.RawIOBase):
    """What http.client reads an answer from."""

    def __init__(self, bounded: _Bounded, raw: io.RawIOBase) -> None:
        self._bounded, self._raw = bounded, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        return self._bounded.read_into(self._raw, buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _status_words(status: int, has_login: bool) -> str:
    if 300 <= status < 400:
        return f"HTTP {status}: it sends elsewhere, which is not followed"
    if status in (401, 403):
        return f"HTTP {status}: {'it does not take the password' if has_login else 'it asks for a password'}"
    return f"HTTP {status}"


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (ConnectionRefusedError, "connection refused"),
    (ConnectionError, "it closed the connection"),
    (socket.gaierror, "its name is not known to this network"),
    (http.client.HTTPException, "its answer is no HTTP"),
)


def _words(error: Exception, timeout_s: float) -> str:
    """Why it failed; never the error's own text where that may hold the address (certificates, bad status lines)."""
    if isinstance(error, TimeoutError):
        return f"no whole answer within {timeout_s:g} s"
    for kind, words in _REASONS:
        if isinstance(error, kind):
            return words
    if type(error).__name__.startswith("SSL"):
        return "no TLS with it: its certificate is not accepted, or it speaks plain HTTP"
    return (error.strerror if isinstance(error, OSError) else None) or "its answer is no HTTP"
