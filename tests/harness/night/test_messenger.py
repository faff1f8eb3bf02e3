"""What people are told, and that nothing is ever sent while a run goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from harness import folder as folders
from harness.errors import ExitCode
from harness.events import BlockSettled, NightEnded, NightStarted, RunSettled, RunStarted, Trouble
from harness.messenger import MOST_TROUBLES, PAUSE_S, Messenger
from harness.night import night, progress_of
from harness.record import NightFolder, RunRecord, Status
from harness.stop import Stop

Begin = Callable[..., NightFolder]


class Post:
    """Takes what is sent; ``now_s`` is its clock."""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self.now_s = 0.0
        self.fault: list[Trouble] = []

    def send(self, commands: tuple[str, ...], facts: Mapping[str, Any], **_: Any) -> list[Trouble]:
        assert ("tell",) == commands
        self.sent.append(facts)
        return self.fault

    @property
    def kinds(self) -> list[str]:
        return [facts["event"] for facts in self.sent]


@pytest.fixture
def stop() -> Iterator[Stop]:
    with closing(Stop()) as stop:
        yield stop


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def messenger(begin: Begin, post: Post, stop: Stop) -> Messenger:
    opened = folders.read(begin(night={"notify": ("tell",)}).root)
    return Messenger(
        opened, progress_of(opened), stop, hours="until 07:30", send=post.send, monotonic_s=lambda: post.now_s
    )


def started(messenger: Messenger) -> NightStarted:
    return NightStarted(messenger.opened.folder.root, "Which arm?", 6, 0, resumed=False, rehearsal=False)


RUN = RunStarted("b01-1-a1-a", "b01-1", 1, "a", 1)
FAULT = Trouble("the disk is nearly full", "make room")


def settled(record: Callable[..., RunRecord], messenger: Messenger) -> RunSettled:
    return RunSettled("b01-1-a1-a", messenger.opened.folder.runs, record())


def test_the_plan_is_told_at_the_start(messenger: Messenger, post: Post) -> None:
    assert [] == messenger.take(started(messenger))
    (facts,) = post.sent
    assert ("start", 6, 0, "blocks", "until 07:30") == (
        facts["event"], facts["planned"], facts["valid"], facts["order"], facts["hours"],
    )  # fmt: skip
    assert "nightwatt start: Which arm?" == facts["subject"]
    assert "the night begins, 6 of 6 runs to do" in facts["text"]
    assert str(messenger.opened.folder.root) in facts["text"]


def test_trouble_is_told_between_two_runs_only(
    messenger: Messenger, post: Post, record: Callable[..., RunRecord]
) -> None:
    messenger.take(RUN)
    messenger.take(FAULT)
    assert [] == post.kinds
    messenger.take(settled(record, messenger))
    assert ["trouble"] == post.kinds
    assert "the disk is nearly full" == post.sent[0]["text"]
    assert [{"what": "the disk is nearly full", "remedy": "make room", "run": ""}] == post.sent[0]["troubles"]


def test_trouble_of_an_attempt_that_left_no_record_is_told_before_the_next(messenger: Messenger, post: Post) -> None:
    messenger.take(RUN)
    messenger.take(FAULT)
    messenger.take(RUN)
    assert ["trouble"] == post.kinds


def test_troubles_come_at_most_once_in_a_while_and_the_rest_with_the_next(messenger: Messenger, post: Post) -> None:
    messenger.take(FAULT)
    messenger.take(Trouble("second"))
    post.now_s += PAUSE_S - 1
    messenger.take(Trouble("third"))
    assert 1 == len(post.sent)
    post.now_s += 2
    messenger.take(BlockSettled(1))
    assert ["second\nthird"] == [facts["text"] for facts in post.sent[1:]]


def test_many_troubles_are_counted_and_the_last_ones_named(messenger: Messenger, post: Post) -> None:
    messenger.take(RUN)
    for number in range(MOST_TROUBLES + 5):
        messenger.take(Trouble(f"trouble {number}"))
    messenger.take(BlockSettled(1))
    (facts,) = post.sent
    assert facts["text"].startswith("5 more before these\ntrouble 5\n")
    assert (MOST_TROUBLES + 5, MOST_TROUBLES) == (facts["troubles_in_all"], len(facts["troubles"]))


def test_the_end_is_told_with_its_answer_and_what_was_not_told_yet(messenger: Messenger, post: Post) -> None:
    messenger.take(FAULT)
    messenger.take(Trouble("afterwards"))
    messenger.take(NightEnded(ExitCode.DONE, "the night is over", "nightwatt report x"))
    assert ["trouble"] == post.kinds
    messenger.end(0, "the night is over", "nightwatt report x", {"headline": "0.9 × the energy"})
    facts = post.sent[-1]
    assert "the night is over\n0.9 × the energy\nafterwards\nnext: nightwatt report x" == facts["text"]
    assert (0, "0.9 × the energy") == (facts["exit_code"], facts["headline"])


def test_a_message_that_could_not_be_sent_is_given_back_as_trouble(messenger: Messenger, post: Post) -> None:
    post.fault = [Trouble("nobody was told")]
    assert post.fault == messenger.take(started(messenger))


def test_without_commands_nothing_is_sent_or_kept(begin: Begin, post: Post, stop: Stop) -> None:
    opened = folders.read(begin().root)
    silent = Messenger(opened, progress_of(opened), stop, send=post.send)
    silent.take(FAULT)
    silent.end(0, "over", "", {})
    assert [] == post.sent


def test_a_rehearsal_says_so_first(begin: Begin, post: Post, stop: Stop) -> None:
    import dataclasses

    opened = dataclasses.replace(folders.read(begin(night={"notify": ("tell",)}).root), rehearsal=True)
    Messenger(opened, progress_of(opened), stop, send=post.send).end(0, "over", "", {})
    assert post.sent[0]["text"].startswith("REHEARSAL: ")
    assert post.sent[0]["subject"].startswith("REHEARSAL: ")


def test_through_a_whole_night_nothing_is_sent_between_the_begin_and_the_end_of_a_run(
    messenger: Messenger, post: Post, script: Any, stop: Stop
) -> None:
    script.tell("b01-1-a1", outcome=OSError(28, "No space left on device"))
    script.tell("a", status=Status.FAILED, exit_code=1)
    busy = False
    for event in night(messenger.opened, stop, resumed=False, execute=script, progress=messenger.progress):
        before = len(post.sent)
        messenger.take(event)
        post.now_s += PAUSE_S
        busy = isinstance(event, RunStarted) or (busy and not isinstance(event, RunSettled | BlockSettled))
        assert len(post.sent) == before or not busy or isinstance(event, RunStarted)
    assert "trouble" in post.kinds
