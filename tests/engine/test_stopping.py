"""Stopping: the first signal is remembered, the second one is not held back."""

from __future__ import annotations

import contextlib
import math
import signal
import threading

import pytest

from engine.training_loops.stopping import EarlyStopping, Stopped, StopSignals

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("signum", SIGNALS)
def test_the_first_signal_is_held_back_and_remembered(signum: signal.Signals) -> None:
    with StopSignals() as signals:
        assert signals.received is None
        signal.raise_signal(signum)
        assert signals.received == signum


@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.parametrize("first", SIGNALS)
def test_the_second_signal_ends_it_at_once(first: signal.Signals, second: signal.Signals) -> None:
    with StopSignals() as signals:
        signal.raise_signal(first)
        with pytest.raises(Stopped) as caught:
            signal.raise_signal(second)
        assert caught.value.exit_code == 128 + second
        assert signals.received == first


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_the_handlers_from_before_come_back(error: type[BaseException] | None) -> None:
    before = [signal.getsignal(signum) for signum in SIGNALS]
    during: list[object] = []

    def work() -> None:
        with StopSignals():
            during.extend(signal.getsignal(signum) for signum in SIGNALS)
            if error is not None:
                raise error

    with contextlib.nullcontext() if error is None else pytest.raises(error):
        work()
    assert [signal.getsignal(signum) for signum in SIGNALS] == before
    assert not set(during) & set(before)


def test_outside_the_main_thread_no_handler_changes() -> None:
    seen: list[object] = []

    def work() -> None:
        with StopSignals() as signals:
            seen.append(signal.getsignal(signal.SIGTERM))
            seen.append(signals.received)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before, None]


@pytest.mark.parametrize("signum", SIGNALS)
def test_a_stopped_training_ends_with_the_exit_code_of_its_signal(signum: signal.Signals) -> None:
    stopped = Stopped(signum)
    assert stopped.exit_code == 128 + signum
    assert str(int(signum)) in str(stopped)
    assert not isinstance(stopped, Exception)


def epochs_until_the_end(losses: list[float], patience: int | None, min_delta: float = 0.0) -> int:
    """After how many epochs it is time to end; 0 if it never is."""
    early = EarlyStopping(patience, min_delta)
    answers = [early.update(loss) for loss in losses]
    return answers.index(True) + 1 if True in answers else 0


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_patience_is_the_number_of_epochs_without_a_better_loss(patience: int) -> None:
    assert epochs_until_the_end([1.0, 0.5] + [0.5] * 10, patience) == 2 + patience


def test_a_better_loss_starts_the_count_anew() -> None:
    assert epochs_until_the_end([1.0, 1.1, 0.9, 1.0, 0.8, 0.9, 0.9], patience=2) == 7


def test_a_falling_loss_never_ends_a_training() -> None:
    assert epochs_until_the_end([1 / (n + 1) for n in range(100)], patience=1) == 0


@pytest.mark.parametrize("losses", [[1.0] * 100, [math.nan] * 100, [1.0, *[math.inf] * 99]])
def test_without_patience_a_training_never_ends_early(losses: list[float]) -> None:
    assert epochs_until_the_end(losses, patience=None) == 0


@pytest.mark.parametrize("worse", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_not_better(worse: float) -> None:
    assert epochs_until_the_end([1.0, worse, worse, 0.5], patience=2) == 3


def test_a_loss_has_to_be_better_by_more_than_min_delta() -> None:
    assert epochs_until_the_end([1.0, 0.95, 0.91, 0.5], patience=2, min_delta=0.1) == 3
    assert epochs_until_the_end([1.0, 0.85, 0.7, 0.55], patience=1, min_delta=0.1) == 0


def test_small_gains_add_up_to_a_better_loss() -> None:
    losses = [1.0, 0.95, 0.85, 0.8, 0.7]
    assert epochs_until_the_end(losses, patience=2, min_delta=0.1) == 0
