"""The page of a night: whole, harmless, rewritten after each run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from harness import folder as folders
from harness.events import Event, RunSettled, Tick, WaitStarted
from harness.night import night, progress_of
from harness.record import NightFolder, Status, Validity
from harness.status import Watched
from harness.status_page import StatusPage
from harness.stop import Stop

Begin = Callable[..., NightFolder]
NOW_S = 1_795_212_000.0
VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Reads a page as a browser does: its text, and whether every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.metas: list[dict[str, str | None]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not {"src", "href", "onload"} & {name for name, _ in attrs}
        if tag == "meta":
            self.metas.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    @property
    def reloads(self) -> bool:
        return any(meta.get("http-equiv") == "refresh" for meta in self.metas)


def read(folder: NightFolder) -> Reader:
    reader = Reader(folder.status_page.read_text("utf-8"))
    assert [] == reader.open
    return reader


@pytest.fixture
def stop() -> Iterator[Stop]:
    with closing(Stop()) as stop:
        yield stop


@pytest.fixture
def walk(script: Any, stop: Stop) -> Callable[..., Iterator[Event]]:
    """A night whose events go to its page before they are given on."""

    def walked(folder: NightFolder) -> Iterator[Event]:
        opened = folders.read(folder.root)
        progress = progress_of(opened)
        page = StatusPage(opened, progress, lambda: NOW_S)
        for event in night(opened, stop, resumed=False, execute=script, progress=progress):
            page.take(event)
            yield event

    return walked


Walk = Callable[..., Iterator[Event]]


def test_it_is_rewritten_after_each_run(begin: Begin, walk: Walk) -> None:
    folder = begin()
    counts = []
    for event in walk(folder):
        if isinstance(event, RunSettled):
            counts.append(next(word for word in read(folder).words if word.endswith(" left")))
    assert [f"{done} of 6 valid, {6 - done} left" for done in range(1, 7)] == counts


def test_it_asks_to_be_read_again_until_the_night_is_over(begin: Begin, walk: Walk) -> None:
    folder = begin()
    seen = [read(folder).reloads for _ in walk(folder)]
    assert [True] * (len(seen) - 1) + [False] == seen
    assert "the night is over: 6 of 6 runs are valid" in read(folder).text


def test_rejected_runs_stand_there_with_their_reasons_and_a_retired_configuration_with_its(
    begin: Begin, walk: Walk, script: Any
) -> None:
    script.tell("b", status=Status.FAILED, exit_code=1, reason="exit code 1")
    folder = begin()
    (slot,) = (slot for slot in folders.read(folder.root).plan.slots if (slot.block, slot.configuration) == (1, "a"))
    script.tell(f"{slot.key}-a1", validity=Validity.INVALID, status=Status.LOST_INSTRUMENT, reason="the sampler died")
    list(walk(folder))
    text = read(folder).text
    assert f"{slot.key}-a1 a: lost instrument, invalid (the sampler died)" in text
    assert "b: failed (exit code 1)" in text
    assert "retired: failed" in text
    assert "3 of 6 valid, 0 left" in text


def test_what_a_workload_says_of_itself_is_harmless(begin: Begin, walk: Walk, script: Any) -> None:
    script.tell("a", status=Status.FAILED, reason="<script>alert(1)</script> & \x1b[31m</ul>")
    folder = begin()
    list(walk(folder))
    page = folder.status_page.read_text("utf-8")
    assert "<script" not in page
    assert "\x1b" not in page
    assert "<script>alert(1)</script> &" in read(folder).text
    assert "default-src 'none'" in page


def test_temperature_and_waiting_are_told(begin: Begin, stop: Stop) -> None:
    folder = begin()
    opened = folders.read(folder.root)
    page = StatusPage(opened, progress_of(opened), lambda: NOW_S)
    page.take(Tick("b01-1-a1-a", "workload", 1.0, temperature_C={"gpu0": 61.4}))
    assert not folder.status_page.exists()  # a tick is no reason to write: a run goes on
    page.take(WaitStarted(NOW_S + 3600, "night.starts_at = 22:00 UTC"))
    text = read(folder).text
    assert "gpu0 61 °C" in text
    assert "(night.starts_at = 22:00 UTC)" in text


def test_a_page_that_cannot_be_written_is_no_reason_for_anything(begin: Begin, walk: Walk) -> None:
    folder = begin()
    folder.status_page.with_name("status.html.aside").mkdir()
    assert 6 == sum(isinstance(event, RunSettled) for event in walk(folder))
    assert not folder.status_page.exists()


def test_the_page_says_what_the_command_says(begin: Begin, walk: Walk, script: Any) -> None:
    script.tell("b02-1-a1", validity=Validity.INVALID)
    folder = begin()
    list(walk(folder))
    status = Watched(folder.root).status()
    assert (6, 6, 0) == (status.valid, status.done, status.imperfect)
    assert [("b02-1", 1, ("invalid",))] == [(item.slot, item.attempt, item.wrong) for item in status.rejected]
    assert f"{status.valid} of {status.slots} valid, 0 left" in read(folder).text
    assert isinstance(folder.status_page, Path)
