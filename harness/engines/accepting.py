"""A change that is accepted for a night on a cluster: a new cohort, once the nodes were asked anew what they are.

::

    accept_on_cluster    nothing waits or is executed | the night's protocol.toml, read again | a cohort for the asking
                           |-- the nodes answer from within the night, as before one: refused like one, all put back
                           |-- nothing is different: put back, the night goes on in its last cohort
                           v-- the cohort as the nodes are, with every difference

A task that waits holds nothing of the protocol; one that is executed has read it. So both must be gone: else the blocks
of one array would lie on both sides of the change, and nobody could say where it took hold.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
from collections.abc import Callable, Iterator
from shlex import quote

from harness.cohorts import Cohort, accept, protocol_differences
from harness.engines.changes import asked_now, in_cohort
from harness.engines.node import KINDS, differences, kinds_of
from harness.engines.tracking import Tracked
from harness.errors import RefusedError
from harness.folder import OpenNight
from harness.host import Host, snapshot
from harness.record import read_json

Say = Callable[[str], None]


def accept_on_cluster(
    opened: OpenNight, tracked: Tracked, ask_nodes: Callable[[OpenNight], Iterator[str]], say: Say
) -> OpenNight:
    """The night in its new cohort, or in its last one where nothing is different.

    ``ask_nodes`` lets the nodes say what they are, from within the night in its new cohort; raises what that raises,
    with everything put back, and RefusedError while blocks are executed or wait.
    """
    if tracked.executed or tracked.waiting or tracked.held:
        raise RefusedError(
            f"blocks of this night are still at work: {tracked}",
            where=str(opened.folder.root),
            remedy="wait for them, or end them with scancel; then"
            f" nightwatt resume {quote(str(opened.folder.root))} --accept-change",
        )
    asked, last = asked_now(opened), opened.cohorts[-1]
    kinds = kinds_of(opened.folder.cluster)
    sources = snapshot(sources=asked.sources).sources
    new = Cohort(
        last.number + 1, time.time_ns(), dataclasses.replace(last.host, sources=sources), asked.protocol, asked.sha256,
        asked.sources,
    )  # fmt: skip
    with _put_back(opened, new.number) as keep:
        accept(opened.folder, opened.cohorts, new)
        for word in ask_nodes(in_cohort(dataclasses.replace(opened, cohorts=(*opened.cohorts, new)), new)):
            say(word)
        now = kinds_of(opened.folder.cluster)
        changes = [
            *protocol_differences(last.protocol, asked.protocol),
            *(
                word
                for level in now
                if level in kinds
                for word in differences(kinds[level], now[level], ("the nodes before", "the nodes now"))
            ),
        ]
        if not changes:
            say("nothing is different: the night goes on as it was")
            return in_cohort(opened, last)
        keep()
        host = Host.from_json(read_json(opened.folder.host))
        new = dataclasses.replace(new, host=host, changes=tuple(changes))
        accept(opened.folder, opened.cohorts, new)
    say(f"accepted: the runs from now on are cohort {new.number} of this night:")
    for change in changes:
        say(f"    {change}")
    return in_cohort(dataclasses.replace(opened, cohorts=(*opened.cohorts, new)), new)


@contextlib.contextmanager
def _put_back(opened: OpenNight, number: int) -> Iterator[Callable[[], None]]:
    """The night's own files as they were, unless the body says that the change is kept; host.json in any case."""
    folder, kept = opened.folder, []
    files = (folder.cohorts, folder.cluster / KINDS)
    before = {file: file.read_bytes() if file.exists() else None for file in (*files, folder.host)}
    try:
        yield lambda: kept.append(True)
    finally:
        for file in (folder.host,) if kept else (*files, folder.host):
            body = before[file]
            if body is None:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(body)
        if not kept:
            shutil.rmtree(folder.sources / f"cohort-{number}", ignore_errors=True)
