"""The wish to stop."""

import select
import signal
import threading


def test_each_request_raises_the_level_up_to_two(stop):
    seen = [stop.level]
    for _ in range(3):
        stop.request()
        seen.append(stop.level)
    assert [0, 1, 2, 2] == seen


def test_a_request_wakes_a_loop_that_sleeps_on_it(stop):
    assert [] == select.select([stop], [], [], 0)[0]
    threading.Timer(0.01, stop.request).start()
    assert [stop] == select.select([stop], [], [], 20)[0]


def test_once_acknowledged_it_is_quiet_and_the_level_stays(stop):
    stop.request()
    stop.acknowledge()
    assert [] == select.select([stop], [], [], 0)[0]
    assert 1 == stop.level


def test_a_signal_handler_may_ask_for_it(stop):
    before = signal.signal(signal.SIGUSR1, lambda *_: stop.request())
    try:
        signal.raise_signal(signal.SIGUSR1)
        assert 1 == stop.level
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_hundred_thousand_requests_do_not_block(stop):
    for _ in range(100_000):
        stop.request()
    assert 2 == stop.level
