"""``status.html``: how a night stands, for a browser; one self-contained page, rewritten after each run.

It is made of the events of the session and of what the orchestrator knows anyway: no run is read again for it. A page
that cannot be written (a full disk) is no reason for anything.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from html import escape

from harness.events import (
    Event,
    NightEnded,
    NightStarted,
    RunSettled,
    Tick,
    Trouble,
    WaitStarted,
    WarmupStarted,
)
from harness.folder import OpenNight
from harness.progress import Progress
from harness.record import Status
from harness.standings import uncompared
from harness.status import NightStatus, SettledRun, in_short, status_of
from harness.view import LAST_RUNS, RECENT_RUNS, clock, duration, printable

MOST_REJECTED = 50
MOST_TROUBLES = 10
REFRESH_S = 30
_STYLE = (
    "body{font:16px/1.4 system-ui,sans-serif;margin:1.5rem auto;max-width:60rem;padding:0 1rem;color:#222;"
    "background:#fff}table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{padding:.2rem .8rem .2rem 0;"
    "text-align:left;vertical-align:top;border-bottom:1px solid #ddd}td.n,th.n{text-align:right}"
    "h1{font-size:1.4rem}h2{font-size:1.1rem;margin-bottom:0}.big{font-size:1.6rem}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}}"
)


class StatusPage:
    """The page of one session."""

    def __init__(self, opened: OpenNight, progress: Progress, realtime_s: Callable[[], float] = time.time) -> None:
        """``opened`` holds the runs of earlier sessions, ``progress`` is kept up to date by the night."""
        self._opened, self._progress, self._realtime_s = opened, progress, realtime_s
        recent = sorted(opened.outcomes, key=lambda item: item.started_realtime_ns)[-RECENT_RUNS:]
        self._runs = Counter(f"{item.status.value}, {item.validity.value}" for item in opened.outcomes)
        self._lengths_s = deque((item.length_s for item in recent), maxlen=RECENT_RUNS)
        self._last: deque[SettledRun] = deque(maxlen=LAST_RUNS)
        self._troubles: deque[str] = deque(maxlen=MOST_TROUBLES)
        self._temperature_C: Mapping[str, float] = {}
        self._waiting = self._ended = ""

    def take(self, event: Event) -> None:
        """Take in an event; the page is written anew where it says something else then."""
        now_s = self._realtime_s()
        match event:
            case Tick():
                self._temperature_C = event.temperature_C or self._temperature_C
                return
            case RunSettled():
                self._settle(event)
            case Trouble():
                where = f"{event.run}: " if event.run else ""
                remedy = f" ({event.remedy})" if event.remedy else ""
                self._troubles.appendleft(f"{clock(now_s)}  {where}{event.what}{remedy}")
            case WaitStarted():
                self._waiting = f"until {clock(event.until_realtime_s, now_s)} ({event.why})"
            case WarmupStarted():
                self._waiting = ""
            case NightEnded():
                self._waiting, self._ended = "", f"{event.reason}. Next: {event.next_step}"
            case NightStarted():
                pass
            case _:
                return
        self.write()

    def write(self) -> None:
        """Write the page: aside, then renamed, so that a browser never sees half of it."""
        file = self._opened.folder.status_page
        aside = file.with_name(file.name + ".aside")
        with contextlib.suppress(OSError):
            aside.write_text(self.page(), encoding="utf-8", errors="replace")
            os.replace(aside, file)

    def page(self) -> str:
        """The page as it is now."""
        status = status_of(
            self._opened,
            self._progress,
            runs=self._runs,
            lengths_s=self._lengths_s,
            last=self._last,
            running=not self._ended,
            start_temperature_C=self._temperature_C,
            waiting=self._waiting,
        )
        return page(status, self._realtime_s(), ended=self._ended, troubles=tuple(self._troubles))

    def _settle(self, event: RunSettled) -> None:
        record = event.record
        self._waiting = ""
        self._last.appendleft(in_short(record))
        self._temperature_C = record.start_temperature_C or self._temperature_C
        if record.status is not Status.INTERRUPTED:
            self._runs[f"{record.status.value}, {record.validity.value}"] += 1
            self._lengths_s.append((record.ended_ns - record.started_ns) / 1e9)


def page(status: NightStatus, realtime_s: float, *, ended: str = "", troubles: tuple[str, ...] = ()) -> str:
    """A status as one page of HTML; pure. It asks to be read again as long as the night goes on."""
    word = "REHEARSAL: " if status.rehearsal else ""
    title = f"{word}{status.valid} of {status.slots} valid: {status.title}"
    written = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(realtime_s))
    again = "" if ended else f'<meta http-equiv="refresh" content="{REFRESH_S}">'
    return "\n".join(
        [
            f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">{again}',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{_text(word + status.title)}</h1>",
            *_standing(status, realtime_s, ended),
            *_configurations(status),
            *_listed("Last runs", (_run(item) for item in status.last)),
            *_rejected(status),
            *_listed("What went wrong", troubles),
            f"<p>{_text(status.folder)}, written {_text(written)}.</p>",
            "</body></html>\n",
        ]
    )


def _standing(status: NightStatus, realtime_s: float, ended: str) -> Iterator[str]:
    left = status.slots - status.done
    yield f'<p class="big">{status.valid} of {status.slots} valid, {left} left</p>'
    if untold := uncompared(status.rejected):
        yield f"<p>valid, but not to be compared: {_text(untold)}</p>"
    if ended:
        yield f"<p><b>{_text(ended)}</b></p>"
    elif status.waiting:
        yield f"<p>waiting {_text(status.waiting)}</p>"
    elif status.left_s is not None:
        finish = clock(realtime_s + status.left_s, realtime_s)
        yield f"<p>finish about {_text(finish)}, in {_text(duration(status.left_s))}</p>"
    if status.temperature_C:
        heat = ", ".join(f"{domain} {value:.0f} °C" for domain, value in status.temperature_C.items())
        yield f"<p>temperature: {_text(heat)}</p>"


def _configurations(status: NightStatus) -> Iterator[str]:
    heads = ("configuration", "planned", "valid", "attempts", "rejected", "")
    yield "<table><tr>" + "".join(f"<th>{name}</th>" for name in heads) + "</tr>"
    for item in status.configurations:
        wrong = ", ".join(f"{count} {name}" for name, count in item.rejected.items())
        cells = (item.planned, item.valid, item.attempts)
        numbers = "".join(f'<td class="n">{cell}</td>' for cell in cells)
        retired = f"retired: {item.retired}" if item.retired else ""
        yield f"<tr><td>{_text(item.configuration)}</td>{numbers}<td>{_text(wrong)}</td><td>{_text(retired)}</td></tr>"
    yield "</table>"


def _rejected(status: NightStatus) -> Iterator[str]:
    shown = status.rejected[::-1][:MOST_REJECTED]
    more = len(status.rejected) - len(shown)
    lines = [
        f"{item.slot}-a{item.attempt} {item.configuration}: {', '.join(item.wrong)}"
        + (f" ({item.reason})" if item.reason else "")
        for item in shown
    ]
    yield from _listed("Rejected runs", [*lines, *([f"and {more} before these"] if more else [])])


def _listed(title: str, lines: Iterator[str] | list[str] | tuple[str, ...]) -> Iterator[str]:
    items = [f"<li>{_text(line)}</li>" for line in lines]
    if items:
        yield f"<h2>{title}</h2><ul>{''.join(items)}</ul>"


def _run(item: SettledRun) -> str:
    window = duration(item.window_s) if item.window_s is not None else ""
    wrong = ", ".join(item.complaints) or ("ok" if item.validity == "valid" else item.validity)
    return "  ".join(filter(None, (item.run, window, wrong, item.reason)))


def _text(text: str) -> str:
    """Text of a workload or a path, harmless in a page."""
    return escape(printable(text))
