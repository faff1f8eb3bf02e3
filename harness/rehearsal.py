"""Protocol -> rehearsed Protocol: the whole night in seconds, with fake workloads and a simulated sensor; pure.

What a rehearsal keeps: factors, design, order and seeds, warm-up, cool-down, baseline and hooks (as stages), limits of
the night, the judge's rules, the analysis plan. What it replaces: every command by ``fake.py``, every sensor by the
simulated one, which delivers the domains that the analysis asks for. Every wait and duration is multiplied by one
factor. What it leaves out: the gates, since a rehearsal measures nothing and may be gone through beside other work;
the hours of the night, since it is over in seconds. Who is to be told is told, so that this can be tried.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.configurations import cross
from harness.faults import LINGER_S, Fault, Way
from harness.plan import make_plan
from harness.protocol_gates import Judge, VerdictRule
from harness.protocol_model import Command, Hook, Instruments, Protocol, Sensors, Simulated, Workload

FACTOR = 0.001
"""What times are multiplied by unless asked otherwise: six hours become 22 seconds."""
SHARE_OF_TIMEOUT = 0.25
"""How long a run is taken to last, as a share of its time limit: a protocol does not say how long its runs are."""
SHORTEST_S, LONGEST_S = 0.2, 2.0
"""Between which the rehearsed window's duration is kept."""
TOGETHER_S = 40.0
"""How long a night's windows last together, at the usual factor, where ``SHORTEST_S`` lets them: many are shorter."""
SHORTEST_TIMEOUT_S = 30.0
"""A busy machine is not to end a rehearsed run at a limit of milliseconds."""
OVERDUE_TIMEOUT_S = 12.0
"""The same where a fault lets a workload never end: somebody waits for it."""
FROZEN_S = 2.0
"""From when on a value that stands still counts as frozen, where a fault freezes one; of real runs it is 10 s."""
DOMAINS = ("gpu0",)
"""What the simulated sensor covers where the analysis lists no domains."""
BINS = 20
"""Into how many bins the rehearsed window's power is drawn."""

_FAKE: Command = ("{python}", "{workloads}/fake.py")
_NOT_A_RESULT = ("energy", "duration", "power")


def rehearse(protocol: Protocol, factor: float = FACTOR, faults: Sequence[Fault] = ()) -> Protocol:
    """``protocol`` as it is rehearsed, with ``faults``; ``factor`` in (0, 1] multiplies its times."""
    window_s = _window_s(protocol, factor)
    warmup, cooldown, baseline = protocol.warmup, protocol.cooldown, protocol.baseline
    return protocol.model_copy(
        update={
            "workload": _workload(protocol, factor, window_s, faults),
            "prepare": _hook(protocol.prepare),
            "cleanup": _hook(protocol.cleanup),
            "warmup": warmup
            and warmup.model_copy(
                update={
                    "command": (*_FAKE, "--phases", "", "--hang", "--busy") if warmup.command else None,
                    "duration_s": warmup.duration_s * factor,
                }
            ),
            "cooldown": cooldown
            and cooldown.model_copy(
                update={
                    "minimum_s": cooldown.minimum_s * factor,
                    "maximum_s": cooldown.maximum_s * factor,
                    "reheat": cooldown.reheat
                    and cooldown.reheat.model_copy(
                        update={
                            "command": (*_FAKE, "--phases", "", "--hang", "--busy"),
                            "maximum_s": cooldown.reheat.maximum_s * factor,
                        }
                    ),
                }
            ),
            "gates": None,
            "night": protocol.night.model_copy(update={"starts_at": None, "ends_at": None, "stop_after_s": None}),
            "baseline": baseline and baseline.model_copy(update={"duration_s": max(baseline.duration_s * factor, 0.1)}),
            "sensors": _sensors(protocol, faults),
            "judge": _judge(protocol, faults),
            "instruments": Instruments(),
            "analysis": protocol.analysis.model_copy(
                update={"bin_ms": max(20.0, 1000 * window_s / BINS), "prefer": ()}  # one source tells everything
            ),
        }
    )


def _window_s(protocol: Protocol, factor: float) -> float:
    """How long each run's window is rehearsed: a share of its time limit, and of what all of them may take."""
    share_s = TOGETHER_S * factor / FACTOR / len(make_plan(protocol).slots)
    return max(SHORTEST_S, min(protocol.workload.timeout_s * SHARE_OF_TIMEOUT * factor, share_s, LONGEST_S))


def _workload(protocol: Protocol, factor: float, window_s: float, faults: Sequence[Fault]) -> Workload:
    """fake.py with the window's name, every factor and the seed in its command line, and the results asked for."""
    spoilt = [part for item in faults if item.kind.way is Way.WORKLOAD for part in ("--fault", str(item))]
    spoilt += [part for item in faults if item.kind.lingers for part in ("--linger", f"{LINGER_S:g}@{item.slot}")]
    shortest_s = OVERDUE_TIMEOUT_S if any(item.kind.overdue for item in faults) else SHORTEST_TIMEOUT_S
    window = protocol.workload.window
    name = "work" if window is None else window.replace(",", ";")
    edge_s = window_s / 4
    phases = f"setup:{edge_s:.6g},{_literal(name)}:{window_s:.6g},evaluate:{edge_s:.6g}"
    results = [protocol.analysis.accuracy, *protocol.analysis.results]
    wanted = [item for item in dict.fromkeys(results) if not any(part in item for part in _NOT_A_RESULT)]
    metrics = [part for item in wanted for part in ("--metric", f"{_literal(item)}=0.8")]
    levels = [part for item in protocol.factors for part in ("--note", f"{_literal(item)}={{{item}}}")]
    return protocol.workload.model_copy(
        update={
            "command": (
                *_FAKE, "--phases", phases, "--epochs", "4", "--epochs-in", _literal(name),
                "--seed", "{seed}", *metrics, *spoilt, *levels,
            ),
            "timeout_s": max(protocol.workload.timeout_s * factor, shortest_s),
            "grace_s": min(protocol.workload.grace_s, 1.0),
            "window": None if window is None else name,
            "env": {},
        }
    )  # fmt: skip


def _hook(hook: Hook | None) -> Hook | None:
    """A hook that starts a process and changes nothing (the real one may set a power limit)."""
    return hook and hook.model_copy(update={"command": (*_FAKE, "--phases", "")})


def _judge(protocol: Protocol, faults: Sequence[Fault]) -> Judge:
    """The protocol's rules; where a value is to be frozen, a time in which it can be."""
    if not any(item.name == "frozen" for item in faults):
        return protocol.judge
    rule = protocol.judge.get("frozen", VerdictRule())
    return {**protocol.judge, "frozen": rule.model_copy(update={"limit": FROZEN_S})}


def _sensors(protocol: Protocol, faults: Sequence[Fault]) -> Sensors:
    """The simulated sensor alone; its settings stay where the protocol is simulated already."""
    simulated = protocol.sensors.simulated or Simulated(
        domains=protocol.analysis.energy or DOMAINS, effect=_no_effect_of_labels(protocol)
    )
    return Sensors(simulated=simulated.model_copy(update={"faults": tuple(map(str, faults))}))


def _no_effect_of_labels(protocol: Protocol) -> dict[str, float]:
    """The same power for all configurations where every factor is a label: an A/A night rehearses as one."""
    if set(protocol.factors) - set(protocol.design.labels):
        return {}
    return {configuration.name: 1.0 for configuration in cross(protocol.factors, protocol.exclude)}


def _literal(text: str) -> str:
    """``text`` with its braces doubled: a template that renders to it."""
    return text.replace("{", "{{").replace("}", "}}")
