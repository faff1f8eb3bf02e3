"""What the keepers of a run are to keep: its workload, and its hooks.

Both work in the run's scratch folder with the protocol's environment; only the workload is told where its marks go.
"""

from __future__ import annotations

from pathlib import Path

from harness.child import tail_of
from harness.endings import how_ended
from harness.keeping import Ending, Keeping, Kept
from harness.order import RunOrder
from harness.record import EXIT_JSON, MARKS_JSONL, MARKS_VARIABLE, STDERR_LOG, STDOUT_LOG
from harness.run_folder import SCRATCH


def keep_workload(order: RunOrder, folder: Path) -> Keeping:
    """A keeper for the workload of a run; nothing is launched yet."""
    return Keeping(
        Kept(
            folder=folder,
            name="workload",
            command=order.command,
            cwd=folder / SCRATCH,
            stdout=folder / STDOUT_LOG,
            stderr=folder / STDERR_LOG,
            env={**order.env, MARKS_VARIABLE: str(folder / MARKS_JSONL)},
            timeout_s=order.timeout_s,
            grace_s=order.grace_s,
            exit_file=folder / EXIT_JSON,
        )
    )


def keep_hook(order: RunOrder, folder: Path, name: str, command: tuple[str, ...], timeout_s: float) -> Keeping:
    """A keeper for a hook; what it prints goes to ``<name>.log``."""
    log = folder / f"{name}.log"
    return Keeping(
        Kept(
            folder=folder,
            name=name,
            command=command,
            cwd=folder / SCRATCH,
            stdout=log,
            stderr=log,
            env=order.env,
            timeout_s=timeout_s,
            grace_s=order.grace_s,
            exit_file=folder / f"{name}.{EXIT_JSON}",
        )
    )


def hook_fault(kept: Kept, ending: Ending) -> str:
    """What went wrong with a hook, in one sentence; "" if nothing did."""
    if ending.why == "exited" and ending.exit_code == 0:
        return ""
    how = {"timed_out": f"was ended at its limit of {kept.timeout_s:g} s", "told": "was stopped"}.get(
        ending.why, ending.launch_error or how_ended(ending.exit_code, ending.signal)
    )
    return f"{kept.name} hook: {how}. {tail_of(kept.stdout, lines=1)}".rstrip()
