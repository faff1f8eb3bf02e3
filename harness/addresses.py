"""Where something is asked over HTTP: the text of a protocol or an environment variable -> its parts. Standard library.

The words of a refusal never hold the address itself: where a meter stands is private, and refusals are recorded.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """One place in a network."""

    scheme: str
    """http | https"""
    host: str
    port: int
    path: str
    """With its query; empty where none was given."""


def parse_address(text: str) -> Address:
    """The parts of ``text``, a URL or a bare host[:port]; raises ValueError, in words that hold none of it."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("an address holds ASCII characters only, no blanks")
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError:
        raise ValueError("its host or its port is none") from None
    if parts.scheme not in PORTS:
        raise ValueError("an address begins with http:// or https://, or is a bare host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address holds no user and no password")
    if not parts.hostname:
        raise ValueError("it names no host")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return Address(parts.scheme, parts.hostname, PORTS[parts.scheme] if port is None else port, path)
