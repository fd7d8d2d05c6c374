"""What the user's guide expects here: the progress of a training on the screen, and seeds."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["TrainingProgressShower"]


class TrainingProgressShower:
    """A bar for the epochs and one for the steps of the present epoch.

    Where standard output is no terminal nothing moves: the caller's line an epoch is all there is.

    Parameters
    ----------
    total_epochs, steps_per_epoch
        Sizes of the two bars.
    first_epoch
        Epochs done before, in a training that goes on.

    Examples
    --------
    >>> with TrainingProgressShower(total_epochs=2, steps_per_epoch=3) as shower:
    ...     for epoch in range(2):
    ...         shower.start_epoch(epoch)
    ...         for step in range(3):
    ...             shower.step(loss=0.5, throughput=18_000.0)
    """

    def __init__(self, total_epochs: int, steps_per_epoch: int, first_epoch: int = 0) -> None:
        self.total_epochs = total_epochs
        self.steps_per_epoch = steps_per_epoch
        self.first_epoch = first_epoch
        self._epoch = first_epoch
        self._epoch_step = 0
        self._next_draw = 0.0
        self._progress: Progress | None = None
        self._bar: TaskID | None = None

    def __enter__(self) -> TrainingProgressShower:
        if sys.stdout.isatty():
            self._progress = _make_progress()
            total = self.total_epochs * self.steps_per_epoch
            done = self.first_epoch * self.steps_per_epoch
            self._bar = self._progress.add_task("", total=total, completed=done, note="")
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def start_epoch(self, epoch: int) -> None:
        """Begin epoch number `epoch`, counted from 0."""
        self._epoch, self._epoch_step = epoch, 0

    def step(self, loss: float, throughput: float) -> None:
        """One more step of this epoch is done; `throughput` in events a second."""
        self._epoch_step += 1
        if self._progress is None or self._bar is None:
            return
        now = time.monotonic()
        if now < self._next_draw and self._epoch_step < self.steps_per_epoch:
            return
        self._next_draw = now + 0.1
        self._progress.update(
            self._bar,
            completed=self._epoch * self.steps_per_epoch + self._epoch_step,
            description=f"\\[{self._epoch + 1}/{self.total_epochs}] epoch {self._epoch}",
            note=f"step {self._epoch_step}/{self.steps_per_epoch}  loss {loss:.4f}  "
            f"{throughput / 1000:.1f}k events/s",
        )


def _make_progress() -> Progress:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[note]}"),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        expand=True,
        transient=True,
        refresh_per_second=5,
    )
