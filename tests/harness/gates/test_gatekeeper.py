"""All gates together: open at the same look, each with an account of its own."""

import pytest

from harness.gates.gate import Look, Rate
from harness.gates.gatekeeper import Gatekeeper, State

OPEN, SHUT, BLIND = Look(True, "well", 1.0, 2.0, "u"), Look(False, "not well", 3.0, 2.0, "u"), Look(None, "unseen")


class Scripted:
    """A gate that sees what it is told to, by the second."""

    remedy = "mend it"

    def __init__(self, name, *looks, budget_s=10.0, lenient=False):
        self.name, self.budget_s, self.lenient, self.looks = name, budget_s, lenient, list(looks)
        self.watched = []

    def watch(self, now_s):
        self.watched.append(now_s)

    def look(self, now_s):
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


def outcomes(keeper):
    return {wait.name: (wait.outcome, wait.waited_s) for wait in keeper.waits}


def test_all_open_is_open_at_once():
    keeper = Gatekeeper([Scripted("a", OPEN), Scripted("b", OPEN)])
    assert State.OPEN == keeper.look(100.0)
    assert {"a": ("open", 0.0), "b": ("open", 0.0)} == outcomes(keeper)


def test_what_cannot_be_told_lets_the_run_start_and_is_recorded():
    keeper = Gatekeeper([Scripted("a", BLIND)])
    assert State.OPEN == keeper.look(0.0)
    wait = keeper.waits[0]
    assert ("unknown", "unseen", None) == (wait.outcome, wait.evidence, wait.figure)


def test_each_wait_is_recorded_with_its_figure_limit_and_budget():
    keeper = Gatekeeper([Scripted("a", SHUT, SHUT, OPEN), Scripted("b", OPEN)])
    assert [State.CLOSED, State.CLOSED, State.OPEN] == [keeper.look(s) for s in (0.0, 1.0, 2.5)]
    assert {"a": ("open", 2.5), "b": ("open", 0.0)} == outcomes(keeper)
    wait = keeper.waits[0]
    assert (10.0, 1.0, 2.0, "u", "well") == (wait.budget_s, wait.figure, wait.limit, wait.unit, wait.evidence)


def test_all_must_be_open_at_the_same_look():
    keeper = Gatekeeper([Scripted("a", SHUT, OPEN, OPEN), Scripted("b", OPEN, SHUT, OPEN)])
    assert [State.CLOSED, State.CLOSED, State.OPEN] == [keeper.look(s) for s in (0.0, 1.0, 2.0)]


def test_out_of_its_budget_a_gate_refuses_and_says_why_and_what_to_do():
    keeper = Gatekeeper([Scripted("a", SHUT, budget_s=2.0), Scripted("b", OPEN)])
    assert [State.CLOSED, State.CLOSED, State.REFUSED] == [keeper.look(s) for s in (0.0, 1.0, 2.0)]
    assert ("gate a: not well, for 2 s (its budget is 2 s)", "mend it") == keeper.refusal
    assert {"a": ("refused", 2.0), "b": ("open", 0.0)} == outcomes(keeper)


def test_a_gate_that_opens_and_closes_goes_on_with_its_account():
    keeper = Gatekeeper([Scripted("a", SHUT, OPEN, SHUT, OPEN, SHUT, budget_s=2.0), Scripted("b", SHUT)])
    assert [State.CLOSED] * 4 + [State.REFUSED] == [keeper.look(float(s)) for s in range(5)]
    assert ("refused", 2.0) == outcomes(keeper)["a"]


def test_a_lenient_gate_starts_all_the_same_and_says_so():
    keeper = Gatekeeper([Scripted("a", SHUT, budget_s=1.0, lenient=True)])
    assert [State.CLOSED, State.OPEN] == [keeper.look(s) for s in (0.0, 1.0)]
    assert {"a": ("over_budget", 1.0)} == outcomes(keeper)


def test_the_other_gates_of_a_refusal_are_told_as_they_were():
    keeper = Gatekeeper([Scripted("a", SHUT, budget_s=1.0), Scripted("b", SHUT)])
    assert [State.CLOSED, State.REFUSED] == [keeper.look(s) for s in (0.0, 1.0)]
    assert {"a": "refused", "b": "closed"} == {wait.name: wait.outcome for wait in keeper.waits}


@pytest.mark.parametrize(("budget_s", "again_s"), [(10.0, 1.0), (0.25, 0.25)])
def test_a_budget_that_is_over_is_noticed_when_it_is(budget_s, again_s):
    keeper = Gatekeeper([Scripted("a", SHUT, budget_s=budget_s)])
    keeper.look(0.0)
    assert again_s == keeper.again_s


def test_what_is_waited_for_is_said():
    keeper = Gatekeeper([Scripted("a", SHUT), Scripted("b", OPEN)])
    keeper.look(0.0)
    assert "not well" == keeper.waiting_for


def test_gates_watch_while_something_else_is_waited_for():
    gates = [Scripted("a", OPEN), Scripted("b", OPEN)]
    Gatekeeper(gates).watch(3.0)
    assert [[3.0], [3.0]] == [gate.watched for gate in gates]


def test_nothing_was_seen_before_the_first_look():
    assert () == Gatekeeper([Scripted("a", OPEN)]).waits
    assert not Gatekeeper([])


def test_a_rate_is_taken_over_about_the_last_second():
    rate = Rate()
    for t_s, total in ((0.0, 0.0), (0.5, 100.0), (1.0, 100.0), (1.5, 100.0), (2.0, 110.0)):
        rate.note(t_s, total)
    assert (1.0, 10.0) == (rate.span_s, rate.per_s())


def test_too_short_a_time_tells_no_rate():
    rate = Rate()
    rate.note(0.0, 0.0)
    assert rate.per_s() is None
    rate.note(0.02, 5.0)
    assert rate.per_s() is None
    assert 0.001 <= rate.again_s <= 0.03


def test_a_rate_that_was_seen_for_a_moment_is_looked_at_again_soon():
    rate = Rate()
    rate.note(0.0, 0.0)
    rate.note(0.5, 5.0)
    assert (10.0, 0.1) == (rate.per_s(), rate.again_s)
    rate.note(1.0, 5.0)
    assert (5.0, 1.0) == (rate.per_s(), rate.again_s)


def test_a_total_that_goes_back_is_no_rate_below_zero():
    rate = Rate()
    rate.note(0.0, 5.0)
    rate.note(1.0, 0.0)
    assert 0.0 == rate.per_s()
