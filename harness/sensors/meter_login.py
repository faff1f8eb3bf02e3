"""How a meter is told who asks: HTTP's own ways (Basic, Digest), or a bearer token. Standard library only.

Digest is that of RFC 7616 with qop "auth" and SHA-256 (Shelly's second generation and later) or MD5. Secrets come from
environment variables and stay in this process.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_ALGORITHMS = {"SHA-256": "sha256", "MD5": "md5"}
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')


@dataclass
class Login:
    """A user's password, or a token; answers one meter's challenges."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    _scheme: str = ""
    """basic | digest, once the meter has asked."""
    _challenge: dict[str, str] = field(default_factory=dict, repr=False)
    _count: int = 0

    def headers(self, path: str) -> dict[str, str]:
        """What goes with a GET of ``path``; nothing before the meter has asked, but for a token."""
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        if self._scheme == "basic":
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode("ascii")
            return {"Authorization": f"Basic {pair}"}
        return {"Authorization": self._digest(path)} if self._scheme == "digest" else {}

    def challenged(self, headers: Sequence[str] | None) -> bool:
        """Take in the challenges of a 401; whether there is one that can be answered."""
        if self.token:
            return False
        for header in headers or ():
            scheme, _, rest = header.strip().partition(" ")
            found = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}
            offered = found.get("qop", "auth").replace(" ", "").split(",")
            if scheme.lower() == "digest" and found.get("algorithm", "MD5") in _ALGORITHMS and "auth" in offered:
                self._scheme, self._challenge, self._count = "digest", found, 0
                return "nonce" in found
            if scheme.lower() == "basic":
                self._scheme = "basic"
                return True
        return False

    def _digest(self, path: str) -> str:
        """RFC 7616, 3.4.1: H(H(user:realm:password) : nonce : nc : cnonce : auth : H(GET:path))."""
        import hashlib  # here: OpenSSL would cost each sampler 1 MB

        asked = self._challenge
        name = asked.get("algorithm", "MD5")
        self._count += 1
        count, own = f"{self._count:08x}", os.urandom(8).hex()
        realm, nonce = asked.get("realm", ""), asked["nonce"]

        def digest(text: str) -> str:
            return hashlib.new(_ALGORITHMS[name], text.encode(), usedforsecurity=False).hexdigest()

        proof = digest(
            f"{digest(f'{self.user}:{realm}:{self.password}')}:{nonce}:{count}:{own}:auth:{digest(f'GET:{path}')}"
        )
        parts = {"username": self.user, "realm": realm, "nonce": nonce, "uri": path, "cnonce": own, "response": proof}
        parts |= {"opaque": asked["opaque"]} if "opaque" in asked else {}
        words = [*(f'{key}="{value}"' for key, value in parts.items()), f"algorithm={name}", "qop=auth", f"nc={count}"]
        return f"Digest {', '.join(words)}"
