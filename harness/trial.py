"""Protocol -> a short night that tries what its instruments are worth: idle, then load, a few seconds of each; pure.

What it keeps: sensors and instruments. What it replaces: everything else. Its runs are those of any night, so that what
it finds is what a night would have recorded.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.protocol_model import Analysis, Design, Machine, Night, Protocol, Workload

STARTUP_S = 180.0
"""How long a load may take before it begins; some frameworks need a minute to be imported."""
IDLE, CPU, GPU = "none", "cpu", "gpu"
"""What is loaded in a stage."""
PHASES = {IDLE: "idle", CPU: "burn", GPU: "burn"}
"""The phase that each stage marks while it idles or burns."""


def trial(protocol: Protocol, seconds: float, stages: Sequence[str]) -> Protocol:
    """The ``stages`` in their order, ``seconds`` each, with the sensors and instruments of ``protocol``.

    The machine's own load is read whether that names it or not: a trial says what others did meanwhile.
    """
    machine = protocol.sensors.machine or Machine()
    return Protocol(
        title="what the instruments are worth here",
        workload=Workload(
            command=("{python}", "{workloads}/burn.py", "--duration", f"{seconds:g}", "--device", "{device}"),
            timeout_s=seconds + STARTUP_S,
        ),
        factors={"device": tuple(stages)},
        design=Design(blocks=1, order="listed"),
        sensors=protocol.sensors.model_copy(update={"machine": machine}),
        instruments=protocol.instruments,
        night=Night(attempts=1, stop_after_failures=len(stages)),
        analysis=Analysis(metric="duration"),
    )
