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
    """A bar for the epochs and, below it, one for the steps of the present epoch.

    Where standard output is no terminal nothing moves: the caller's line an epoch is all there is.

    Parameters
    ----------
    total_epochs, steps_per_epoch
        Sizes of the two bars.

    Examples
    --------
    >>> with TrainingProgressShower(total_epochs=2, steps_per_epoch=3) as shower:
    ...     for epoch in range(2):
    ...         shower.start_epoch(epoch)
    ...         for step in range(3):
    ...             shower.step(loss=0.5, throughput=18_000.0)
    ...         shower.end_epoch(train_loss=0.5, val_loss=0.4)
    """

    def __init__(self, total_epochs: int, steps_per_epoch: int) -> None:
        self.total_epochs = total_epochs
        self.steps_per_epoch = steps_per_epoch
        self._epoch = 0
        self._epoch_step = 0
        self._next_draw = 0.0
        self._progress: Progress | None = None
        self._bars: list[TaskID] = []

    def __enter__(self) -> TrainingProgressShower:
        if sys.stdout.isatty():
            self._progress = _make_progress()
            steps = self.total_epochs * self.steps_per_epoch
            self._bars = [
                self._progress.add_task(f"epoch 0 of {self.total_epochs}", total=steps, note=""),
                self._progress.add_task("step", total=self.steps_per_epoch, note=""),
            ]
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
        if self._progress is not None:
            text = f"epoch {epoch + 1} of {self.total_epochs}"
            self._progress.update(self._bars[0], description=text)

    def step(self, loss: float, throughput: float) -> None:
        """One more step of this epoch is done; `throughput` in events a second."""
        self._epoch_step += 1
        now = time.monotonic()
        last = self._epoch_step == self.steps_per_epoch
        if self._progress is None or (now < self._next_draw and not last):
            return
        self._next_draw = now + 0.1
        done = self._epoch * self.steps_per_epoch + self._epoch_step
        self._progress.update(self._bars[0], completed=done)
        self._progress.update(
            self._bars[1],
            completed=self._epoch_step,
            description=f"step {self._epoch_step}/{self.steps_per_epoch}",
            note=f"loss {loss:.4f}  {throughput / 1000:.1f}k events/s",
        )

    def end_epoch(self, train_loss: float, val_loss: float) -> None:
        """Show the losses of the epoch that has just ended."""
        if self._progress is not None:
            note = f"train {train_loss:.4f}  val {val_loss:.4f}"
            self._progress.update(self._bars[0], note=note)


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
