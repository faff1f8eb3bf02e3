"""Asks all gates of an attempt until all are open at the same look, or one's budget is over. No clock of its own.

Each gate has its own account: the time during which it was closed. Gates that are closed at the same time wait side by
side; one that opens and closes again goes on with its account. So the wait ends, at the latest after all budgets.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

from harness.gates.gate import POLL_S, Gate, Look
from harness.record import GateWait


class State(enum.Enum):
    """What the gates say together."""

    OPEN = "open"
    CLOSED = "closed"
    REFUSED = "refused"


class _Account:
    """One gate, what it last saw, and how long it was closed."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.seen: Look | None = None
        self.closed_s = 0.0
        self.asked_s = 0.0

    @property
    def closed(self) -> bool:
        return self.seen is not None and self.seen.open is False

    def ask(self, now_s: float) -> None:
        if self.closed:
            self.closed_s += now_s - self.asked_s
        self.seen, self.asked_s = self.gate.look(now_s), now_s

    @property
    def spent(self) -> bool:
        return self.closed and self.closed_s >= self.gate.budget_s

    @property
    def outcome(self) -> str:
        if self.seen is None or self.seen.open is None:
            return "unknown"
        if self.seen.open:
            return "open"
        if not self.spent:
            return "closed"
        return "over_budget" if self.gate.lenient else "refused"

    def wait(self) -> GateWait:
        seen = self.seen
        assert seen is not None
        return GateWait(
            self.gate.name, self.outcome, round(self.closed_s, 3), self.gate.budget_s,
            seen.figure, seen.limit, seen.unit, seen.why,
        )  # fmt: skip


class Gatekeeper:
    """The gates of one attempt."""

    def __init__(self, gates: Sequence[Gate]) -> None:
        self._accounts = [_Account(gate) for gate in gates]

    def __bool__(self) -> bool:
        return bool(self._accounts)

    def watch(self, now_s: float) -> None:
        """Let them note what they need while something else is waited for."""
        for account in self._accounts:
            account.gate.watch(now_s)

    def look(self, now_s: float) -> State:
        """Ask them all."""
        for account in self._accounts:
            account.ask(now_s)
        outcomes = [account.outcome for account in self._accounts]
        if "refused" in outcomes:
            return State.REFUSED
        return State.CLOSED if "closed" in outcomes else State.OPEN

    @property
    def again_s(self) -> float:
        """In how long to look again at the latest: a budget that is over is noticed when it is."""
        left_s = [account.gate.budget_s - account.closed_s for account in self._closed()]
        again_s = [account.seen.again_s for account in self._closed() if account.seen is not None]
        return max(0.0, min([POLL_S, *left_s, *again_s]))

    @property
    def waiting_for(self) -> str:
        """What is not right just now, in words; "" while nothing is closed."""
        return "; ".join(account.seen.why for account in self._closed() if account.seen is not None)

    @property
    def refusal(self) -> tuple[str, str]:
        """Why the run may not start, and what can be done; ("", "") where no budget is over."""
        refused = [account for account in self._accounts if account.outcome == "refused"]
        reasons = [
            f"gate {account.gate.name}: {account.wait().evidence}, for {account.closed_s:.0f} s"
            f" (its budget is {round(account.gate.budget_s, 2):g} s)"
            for account in refused
        ]
        return "; ".join(reasons), "; ".join(dict.fromkeys(account.gate.remedy for account in refused))

    @property
    def refused(self) -> GateWait | None:
        """The first gate whose budget is over."""
        return next((account.wait() for account in self._accounts if account.outcome == "refused"), None)

    @property
    def waits(self) -> tuple[GateWait, ...]:
        """What each saw last and how long it was closed; none before the first look."""
        return tuple(account.wait() for account in self._accounts if account.seen is not None)

    def _closed(self) -> Iterator[_Account]:
        return (account for account in self._accounts if account.outcome == "closed")
