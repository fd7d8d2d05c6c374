"""The rows of `scalars.csv` as a training writes them, and takes them back when it is resumed."""

from __future__ import annotations

from engine.facts import RunDir, append_scalars_csv
from engine.facts.scalars import remove_scalars


class Rows:
    """The rows of one run.

    Parameters
    ----------
    run_dir
        The run; None for one that leaves nothing behind.
    """

    def __init__(self, run_dir: RunDir | None) -> None:
        self._run_dir = run_dir
        self.before: set[tuple[int, str]] = set()
        """Epoch and split of each row that earlier starts wrote."""

    def write(
        self, epoch: int, split: str, numbers: dict[str, float], metrics: dict[str, float]
    ) -> None:
        """Add a row, unless an earlier start did."""
        if self._run_dir is None or (epoch, split) in self.before:
            return
        names = ("train_loss", "val_loss", "epoch_time_s", "throughput", "max_memory_mib")
        fixed = {name: numbers.get(name) for name in names}
        path = self._run_dir.path
        append_scalars_csv(path, epoch=epoch, split=split, metrics=metrics, **fixed)

    def forget(self, epochs_done: int, test: bool) -> None:
        """Take out the rows of epochs that will be trained again.

        With `test` also those of the test split, of weights that will be trained on.
        """
        if self._run_dir is None:
            return
        gone = {
            (epoch, split)
            for epoch, split in self.before
            if (test if split == "test" else epoch >= epochs_done)
        }
        if gone:
            remove_scalars(self._run_dir.path, gone)
            self.before -= gone
