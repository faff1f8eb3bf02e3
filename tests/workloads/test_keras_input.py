"""The wait for batches: that of the host between steps, on every backend, with nothing of the training changed."""

from __future__ import annotations

import importlib.util
import os
from types import SimpleNamespace

import numpy as np
import pytest

if importlib.util.find_spec("keras") is None or importlib.util.find_spec("tensorflow") is None:
    pytest.skip("keras or tensorflow is not installed", allow_module_level=True)


@pytest.fixture
def watched(module):
    """``keras_input`` with a clock that only goes on when it is told to."""
    found = module("keras_input")
    clock = SimpleNamespace(now_s=100.0, perf_counter=lambda: clock.now_s)
    found.time, before = clock, found.time
    yield found, clock
    found.time = before


def compiled(clock, seen):
    """A model as Keras leaves it: a step takes 5 s and keeps the batch that it was given."""

    def step(*arguments):
        *state, batches = arguments
        seen.append(batches if isinstance(batches, list) else next(batches))
        clock.now_s += 5
        return (*state, "logs")

    made = SimpleNamespace(train_function=None, test_function=None)
    made.make_train_function = lambda: setattr(made, "train_function", step)
    made.make_test_function = lambda: setattr(made, "test_function", step)
    return made


def slow(clock, batches):
    """An iterator that takes 2 s for each batch."""
    for batch in batches:
        clock.now_s += 2
        yield batch


@pytest.mark.parametrize(("backend", "state"), [("tensorflow", ()), ("jax", ("state",))])
def test_the_wait_is_that_of_the_iterator_and_not_of_the_step(watched, backend, state):
    keras_input, clock = watched
    wait, seen = keras_input.InputWait(backend, "3.15.1"), []
    model = compiled(clock, seen)
    wait.watch(model)
    batches = slow(clock, "abc")
    for function in (model.train_function, model.train_function, model.test_function):
        assert (*state, "logs") == function(*state, batches)
    assert (["a", "b", "c"], 6.0) == (seen, wait.seconds)
    with pytest.raises(StopIteration):  # Keras ends an epoch of unknown length by it
        model.train_function(*state, batches)


def test_on_torch_the_wait_is_the_time_between_two_steps(watched):
    keras_input, clock = watched
    wait, seen = keras_input.InputWait("torch", "3.15.1"), []
    model = compiled(clock, seen)
    wait.watch(model)
    clock.now_s += 1000  # before the epoch
    wait.begin()
    for batch in slow(clock, [["a"], ["b"]]):
        model.train_function(batch)
    clock.now_s += 1000  # marks, between training and evaluation
    wait.begin()
    for batch in slow(clock, [["c"]]):
        model.test_function(batch)
    assert ([["a"], ["b"], ["c"]], 6.0) == (seen, wait.seconds)
    assert {"input_wait_s": 4.0} == wait.since(2.0)


def test_a_keras_that_takes_its_batches_within_the_step_is_left_alone_and_tells_no_wait(watched):
    keras_input, clock = watched
    wait = keras_input.InputWait("tensorflow", "3.9.2")
    model = compiled(clock, [])
    wait.watch(model)
    assert (None, None, {}) == (model.train_function, wait.seconds, wait.since(None))
    assert {} == wait.since(0.0)
    assert 0.0 == keras_input.InputWait("torch", "3.9.2").seconds


def test_a_training_that_is_watched_is_the_same_training(module):
    os.environ["KERAS_BACKEND"] = "tensorflow"  # it is read once, when Keras is imported
    keras_input, keras = module("keras_input"), importlib.import_module("keras")
    images = np.random.default_rng(0).random((20, 6)).astype(np.float32)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            chosen = slice(8 * index, 8 * index + 8)
            return images[chosen], images[chosen].sum(1)

    def trained(*, watch):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dropout(0.2), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        wait = keras_input.InputWait("tensorflow", keras.__version__)
        if watch:
            wait.watch(model)
        history = model.fit(Batches(), epochs=2, validation_data=Batches(), shuffle=False, verbose=0).history
        return history, model.get_weights(), wait.seconds

    plain, watched = trained(watch=False), trained(watch=True)
    assert plain[0] == watched[0]
    assert all((one == other).all() for one, other in zip(plain[1], watched[1], strict=True))
    assert 0.0 == plain[2] < watched[2]
