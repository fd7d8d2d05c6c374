"""When a training ends before its last epoch: asked to, out of time, or no progress any more."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from engine.errors import StartsAgain, Stopped
from engine.facts import RunDir
from engine.facts.attempts import JOB_ID, Attempt, read_attempts
from engine.facts.time_limit import REQUEUE, TimeLimit
from engine.training_loops.failures import require_next_start


class StopSignals:
    """Remembers SIGINT, SIGTERM and SIGHUP instead of dying; a second one raises `Stopped`.

    SIGHUP comes when the terminal closes or the connection to it is lost.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                before = signal.getsignal(signum)
                if not (before is signal.SIG_IGN and signum == signal.SIGHUP):  # nohup ignores it
                    self._before[signum] = signal.signal(signum, self._receive)
                    # An import that was under way may have swallowed what the handler raised.
                    self.received = self.received or getattr(before, "received", None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)  # type: ignore[arg-type]

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        if self.received is not None:
            raise Stopped(signum)
        self.received = signum


class StopRequests:
    """All that may ask a training to end: a signal, the file `stop`, the time of its job.

    Parameters
    ----------
    run_dir
        Where the file is looked for; None for a run that leaves nothing behind, and so cannot go
        on at another start.
    """

    def __init__(self, run_dir: RunDir | None) -> None:
        self.signals = StopSignals()
        self.starts_again = False
        """Whether it ends for its time, to be started again."""
        self.starts = 1
        """How often its job has started it."""
        self.has_saved = False
        """Whether this start has saved anything new."""
        self._limit = TimeLimit.of_this_process() if run_dir else None
        self._stop_file = str(run_dir.stop) if run_dir else None
        self._asked = False
        self._time_over = False

    def asked(self) -> bool:
        """Whether it is to end; it is asked after every step, and stays so once it is."""
        if not self._asked:
            self._time_over = self._limit is not None and self._limit.is_near()
            self._asked = self._time_over or self._by_somebody()
        return self._asked

    def saved_in(self, seconds: float, anything_new: bool) -> None:
        """Take in that a checkpoint was written, and how long that took."""
        self.has_saved = self.has_saved or anything_new
        if self._limit is not None:
            self._limit.saved_in(seconds)

    def decide(self) -> None:
        """Find out whether it `starts_again`, now that it ends early.

        Raises
        ------
        TrainingError
            If its time is over, and another start would get no further.
        """
        if self._limit is None or not self._time_over or self._by_somebody():
            return
        require_next_start(self._limit.limit_s, self.starts, self.has_saved)
        self.starts_again = True

    def raise_if_ended(self) -> None:
        """End the process the way a signal would have, or so that it is started again."""
        if self.signals.received is not None:
            raise Stopped(self.signals.received)
        if self.starts_again:
            raise StartsAgain(REQUEUE, "the time of this job is nearly over")

    def obeyed(self) -> None:
        """Remove the file `stop`, as the training has ended for it.

        It stays where a signal came as well, and in a job of a cluster, which may be sent away
        until its very end: what is started again by itself then finds it, and does not go on.
        """
        if self._stop_file and self.signals.received is None and JOB_ID not in os.environ:
            Path(self._stop_file).unlink(missing_ok=True)

    @property
    def words(self) -> str:
        """Why it ends, for the log."""
        if self._time_over and not self._by_somebody():
            return "its time is nearly over: saving, to go on at its next start"
        return "stopping, as asked; a second time ends it at once"

    @property
    def may_start_again(self) -> bool:
        """Whether somebody else than its user may start it again, now that it has ended early.

        A signal is all that a cluster says of what it does with a job: move, hold or remove it.
        """
        is_sent_away = self.signals.received is not None and JOB_ID in os.environ
        return self.starts_again or (is_sent_away and not self._is_file_there())

    def _by_somebody(self) -> bool:
        return self.signals.received is not None or self._is_file_there()

    def _is_file_there(self) -> bool:
        return self._stop_file is not None and os.path.exists(self._stop_file)


def starts_of_job(run_dir: RunDir, attempt: Attempt | None) -> int:
    """How often the job of a start has started its run; 1 where there is no job."""
    if attempt is None or attempt.job_id is None:
        return 1
    return sum(one.job_id == attempt.job_id for one in read_attempts(run_dir))


class EarlyStopping:
    """Counts epochs without a better validation loss.

    Parameters
    ----------
    patience
        How many such epochs end the training; None never does.
    min_delta
        By how much a loss must be lower to be better.
    """

    def __init__(self, patience: int | None, min_delta: float) -> None:
        self.patience = patience
        self.min_delta = min_delta
        self.best = float("inf")
        self.waited = 0

    @property
    def is_due(self) -> bool:
        """Whether it is time to end."""
        return self.patience is not None and self.waited >= self.patience

    def update(self, val_loss: float) -> bool:
        """Take in one more epoch; whether it is time to end."""
        if val_loss < self.best - self.min_delta:
            self.best, self.waited = val_loss, 0
        else:
            self.waited += 1
        return self.is_due

    def state_dict(self) -> dict[str, Any]:
        """The best loss, and the epochs since, for a checkpoint."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.best, self.waited = float(state["best"]), int(state["waited"])
