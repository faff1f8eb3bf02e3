"""What a workload's own results say of it: numbers that are none, losses that explode, accuracies of guessing. Pure.

All of these are outcomes: a property of the configuration, said and counted, never a reason to run it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.record import RunRecord, Status, Verdict, number
from harness.verdicts import Rules

MOST_LISTED = 5
FEWEST_EPOCHS = 3
"""Of two the second may be the worse by chance, and nothing was lost."""
VALIDATION = ("val", "test")
"""How the metrics of a validation begin."""


def judge_results(record: RunRecord, rules: Rules, accuracy: str, named: Sequence[str] = ()) -> Iterator[Verdict]:
    """Every verdict on a workload's results; ``accuracy`` is compared with chance, ``named`` must have been reported.

    How many classes there are a workload says itself ("classes"): what chance is, nobody guesses. Classes are rarely
    of equal size, and a model that always names the largest of ten (11.4 % in MNIST) has learned nothing: hence the
    margin over 1 / classes.
    """
    stretches = [("result", record.metrics), *((phase.name, phase.metrics) for phase in record.phases)]
    not_finite = [
        f"{stretch}: {name} = {value}"
        for stretch, metrics in stretches
        for name, value in metrics.items()
        if (figure := number(value)) is not None and not -1e308 <= figure <= 1e308
    ]
    if not_finite:
        yield rules.verdict("not_finite", len(not_finite), evidence=listed(not_finite))
    yield from _exploding(record, rules)
    figure, classes = number(record.metrics.get(accuracy)), number(record.metrics.get("classes"))
    if figure is not None and classes is not None and classes >= 2:
        limit = rules.limit("chance_level") / classes
        if figure < limit:
            evidence = f"{accuracy} of {classes:g} classes is what guessing reaches"
            yield rules.verdict("chance_level", figure, limit, evidence)
    epochs = rules.limit("constant_accuracy")
    for name, series in _series(record, "accuracy"):
        if len(series) >= epochs and len(set(series)) == 1 and series[0] < 1:
            evidence = f"{name} is the same in all {len(series)} phases that tell it: nothing was learned"
            yield rules.verdict("constant_accuracy", series[0], evidence=evidence)
    yield from _declining(record, rules, accuracy)
    missing = [name for name in dict.fromkeys(named) if name not in record.metrics]
    if missing and record.status is Status.COMPLETED:
        told = listed([str(name) for name in record.metrics]) or "nothing"
        evidence = f"the analysis asks for {listed(missing)}; the workload reported {told}"
        yield rules.verdict("metric_missing", len(missing), evidence=evidence)


def _exploding(record: RunRecord, rules: Rules) -> Iterator[Verdict]:
    """A loss that ends far above where it began; one that is no number any more is said by itself."""
    limit = rules.limit("exploding_loss")
    for name, series in _series(record, "loss"):
        finite = [value for value in series if -1e308 <= value <= 1e308]
        if len(finite) >= 2 and finite[0] > 0 and finite[-1] > limit * finite[0]:
            evidence = f"{name}: {finite[0]:.3g} at first, {finite[-1]:.3g} at the end"
            yield rules.verdict("exploding_loss", finite[-1] / finite[0], limit, evidence)


def _declining(record: RunRecord, rules: Rules, accuracy: str) -> Iterator[Verdict]:
    """An accuracy whose last epoch lies far below its best one: what is left at the end is not what was learned.

    Looked at are the phases that differ in their number only ("epoch 1", "epoch 2", …), and of each such course the
    validation's where it is told. A share of the best, so that per cent and fractions are judged alike. One that never
    left what guessing reaches has nothing to lose: that is ``chance_level``.
    """
    classes = number(record.metrics.get("classes"))
    guessing = rules.limit("chance_level") / classes if classes is not None and classes >= 2 else 0.0
    limit = rules.limit("late_decline")
    found: list[tuple[float, str]] = []
    for name, course in _courses(record, accuracy):
        (_, last), (where, best) = course[-1], max(course, key=lambda item: item[1])
        if len(course) >= FEWEST_EPOCHS and best > guessing and (lost := 1 - last / best) > limit:
            found.append((lost, f"{name}: {best:.3g} at best ({where}), {last:.3g} at the end"))
    if found:
        yield rules.verdict("late_decline", max(found)[0], limit, listed([words for _, words in found]))


def _courses(record: RunRecord, accuracy: str) -> Iterator[tuple[str, list[tuple[str, float]]]]:
    """Each accuracy over phases of one name and rising numbers: its name; of each phase its name and finite value."""
    courses: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for phase in record.phases:
        stem, _, place = phase.name.rpartition(" ")
        if not (stem and place.isdigit()):
            continue
        for name, told in phase.metrics.items():
            value = number(told) if "accuracy" in name or name in (accuracy, f"val_{accuracy}") else None
            if value is not None and -1e308 <= value <= 1e308:
                courses.setdefault((stem, name), []).append((phase.name, value))
    validated = {stem for stem, name in courses if name.startswith(VALIDATION)}
    for (stem, name), course in courses.items():
        if stem not in validated or name.startswith(VALIDATION):
            yield name, course


def _series(record: RunRecord, word: str) -> Iterator[tuple[str, list[float]]]:
    """The numbers of each metric whose name holds ``word``, over the phases that tell it."""
    for name in sorted({name for phase in record.phases for name in phase.metrics if word in name}):
        yield name, [value for phase in record.phases if (value := number(phase.metrics.get(name))) is not None]


def listed(names: Sequence[str], most: int = MOST_LISTED) -> str:
    """The first few of them, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
