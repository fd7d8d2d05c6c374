"""What the facts of one epoch cost, written and synced, early and late in a run.

Beside it, in turn, as many bytes appended plainly to two files, with one fsync: what the disk and
the system alone take.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from engine.facts import append_jsonl_event, append_scalars_csv, build_event_payload

METRICS = {f"metric_{i}": 0.123456789 * (i + 1) for i in range(8)}
REPEATS = 300


def main() -> None:
    """Measure at epoch 10 and at epoch 10,000."""
    for epoch in (10, 10_000):
        with tempfile.TemporaryDirectory(dir=os.getcwd()) as folder:
            histories = {name: [0.5] * epoch for name in (*METRICS, "train_loss", "val_loss")}
            _write(folder, epoch, histories)
            event, row = (
                len((Path(folder) / "facts" / name).read_bytes().splitlines()[-1])
                for name in ("events.jsonl", "scalars.csv")
            )
            ours, bare = [], []
            for _ in range(REPEATS):
                ours.append(_timed(_write, folder, epoch, histories))
                bare.append(_timed(_bare_write, folder, event, row))
        mine, disk = (1000 * statistics.median(times) for times in (ours, bare))
        print(
            f"facts of epoch {epoch:6,}   {mine:.3f} ms   bare writes, one fsync {disk:.3f} ms   "
            f"ratio {mine / disk:.2f} (goal at most 0.3 ms)"
        )


def _write(folder: str, epoch: int, histories: dict[str, list[float | None]]) -> None:
    payload = build_event_payload(
        "on_epoch_end",
        folder,
        epoch=epoch,
        train_loss=0.5,
        val_loss=0.5,
        metrics=METRICS,
        epoch_time_s=1.0,
        throughput=1e4,
        max_memory_mib=400.0,
        histories=histories,
    )
    append_scalars_csv(
        folder,
        epoch=epoch,
        split="val",
        train_loss=0.5,
        val_loss=0.5,
        metrics=METRICS,
        epoch_time_s=1.0,
        throughput=1e4,
        max_memory_mib=400.0,
    )
    append_jsonl_event(folder, payload)


def _bare_write(folder: str, event: int, row: int) -> None:
    with open(os.path.join(folder, "row"), "ab", buffering=0) as handle:
        handle.write(b"x" * row + b"\n")
    with open(os.path.join(folder, "event"), "ab", buffering=0) as handle:
        handle.write(b"x" * event + b"\n")
        os.fsync(handle.fileno())


def _timed(function, *arguments) -> float:  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
