"""How each configuration stands: valid, rejected, left; counted as it happens, so that asking costs nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.record import Status
from harness.view import UNCOMPARED


@dataclass(frozen=True, slots=True)
class Rejected:
    """An attempt that cannot be compared, in a few words."""

    slot: str
    attempt: int
    configuration: str
    wrong: tuple[str, ...]
    """Why, in words: invalid, failed, timed out, refused, no window …"""
    reason: str


@dataclass(frozen=True)
class Standing:
    """One configuration's slots and attempts."""

    configuration: str
    planned: int
    valid: int
    """Slots with a completed and valid run."""
    settled: int
    """Slots that are not executed any more, whatever became of them."""
    attempts: int
    """All that count: neither interrupted nor superseded."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Attempts by what was wrong with them."""
    retired: str = ""
    """The outcome fault for which it is not executed any more; empty while it is."""


def uncompared(rejected: Iterable[Rejected]) -> str:
    """Of the valid runs those that cannot be compared, and why: "3 with no energy (…)"; empty where there are none."""
    found: dict[str, list[str]] = {}
    for item in rejected:
        if item.wrong and set(item.wrong) <= set(UNCOMPARED.values()):
            found.setdefault(item.wrong[0], []).append(item.reason)
    return ", ".join(f"{len(why)} with {word} ({why[0]})" for word, why in found.items())


class Tally:
    """The counts behind the standings."""

    def __init__(self, planned: Iterable[str]) -> None:
        """``planned``: the configuration of every slot of the blocks."""
        self._planned = Counter(planned)
        self._good: Counter[str] = Counter()
        self._settled: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        self._wrong: dict[str, Counter[str]] = {name: Counter() for name in self._planned}
        self._rejected: dict[tuple[str, int], Rejected] = {}

    def note(self, rejected: Rejected | None, configuration: str) -> None:
        """Count an attempt; ``rejected`` says what is wrong with it, None: nothing."""
        self._attempts[configuration] += 1
        if rejected is not None:
            self._rejected[rejected.slot, rejected.attempt] = rejected
            self._wrong[configuration].update(rejected.wrong)

    def forget(self, slot: str, attempt: int, configuration: str) -> None:
        """Take back an attempt that was superseded."""
        self._attempts[configuration] -= 1
        rejected = self._rejected.pop((slot, attempt), None)
        if rejected is not None:
            self._wrong[configuration].subtract(rejected.wrong)

    def good(self, configuration: str, change: int) -> None:
        """A slot has a valid run now (1), has none any more (-1), or is as it was."""
        self._good[configuration] += change

    def settled(self, configuration: str, change: int) -> None:
        """A slot is settled for good, or open again."""
        self._settled[configuration] += change

    def standing(self, retired: Mapping[str, Status | None]) -> tuple[Standing, ...]:
        """How each of the configurations in ``retired`` stands; the value is its fault where it is retired."""
        return tuple(
            Standing(
                name,
                self._planned[name],
                self._good[name],
                self._planned[name] if fault is not None else self._settled[name],
                self._attempts[name],
                {word: count for word, count in self._wrong.get(name, {}).items() if count},
                "" if fault is None else fault.value.replace("_", " "),
            )
            for name, fault in retired.items()
        )

    def rejected(self) -> tuple[Rejected, ...]:
        """The attempts that cannot be compared, in the order in which they were settled."""
        return tuple(self._rejected.values())
