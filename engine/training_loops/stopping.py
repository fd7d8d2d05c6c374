"""When a training ends before its last epoch: a signal, or no progress any more."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from engine.errors import Stopped


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
