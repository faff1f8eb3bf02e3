"""Whether what a protocol says of gates and judge makes sense; part of ``harness.protocol_checks``."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from harness.errors import Problem
from harness.protocol_model import Protocol
from harness.verdicts import KINDS, Cause

_BIAS = (
    "an outcome is a property of the configuration: to repeat a run until its outcome looks well would be survivorship"
    " bias"
)


def check_judging(protocol: Protocol) -> Iterator[Problem]:
    """Every problem of ``[judge]`` and of what reheats."""
    for name, rule in protocol.judge.items():
        key, kind = f"judge.{name}", KINDS.get(name)
        if kind is None:
            near = difflib.get_close_matches(name, KINDS, 1)
            remedy = f"did you mean {near[0]!r}?" if near else "protocols/README.md lists every verdict"
            yield Problem(key, "there is no verdict of this name", remedy=remedy)
            continue
        if kind.fixed:
            remedy = "leave it out" + ("; night.lost_instrument says what happens then" * (name == "lost_instrument"))
            yield Problem(key, "this follows from how the run ended and cannot be moved", remedy=remedy)
            continue
        if rule.level is None and rule.limit is None:
            yield Problem(
                key, "it moves nothing", remedy='write a level or a limit, as in {limit = 0.1, level = "warning"}'
            )
        if kind.cause is Cause.OUTCOME and rule.level == "invalid":
            remedy = 'make it "warning" or "information": it is counted by configuration, and said beside the answer'
            yield Problem(key, f"{_BIAS}; only a fault of the measurement makes a run invalid", '"invalid"', remedy)
        if rule.limit is not None and not kind.takes_limit:
            yield Problem(key, "this verdict has no limit", f"{rule.limit:g}", "give it a level only")
        elif rule.limit is not None and rule.limit < 0:
            yield Problem(key, "a limit is at least 0", f"{rule.limit:g}")
    cooldown = protocol.cooldown
    if cooldown is not None and cooldown.until != "temperature":
        for name in ("reheat", "over_budget"):
            asked = cooldown.reheat is not None if name == "reheat" else cooldown.over_budget != "refuse"
            if asked:
                remedy = 'add until = "temperature" to [cooldown], or leave it out'
                yield Problem(
                    f"cooldown.{name}", "only a cool-down that looks at the temperature can do this", remedy=remedy
                )
