"""Listing a library of runs: read for the first time, and again when nothing has changed.

Beside it what the system alone takes: listing the folder and asking for the status of the same
files, with the same bytes read for the first time.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from engine.library.index import Index
from tests.bench.tree import make_tree

ROUNDS = 5


def main() -> None:
    """Measure 1,000 runs of 50 epochs, and 10,000 short ones."""
    for runs, epochs, goals in ((1000, 50, (0.4, 0.03)), (10_000, 1, (None, 0.25))):
        with tempfile.TemporaryDirectory() as folder:
            root, cache = Path(folder) / "outputs", Path(folder) / "cache"
            make_tree(root, runs, epochs)
            _measure(root, cache, f"{runs:6,} runs of {epochs:2} epochs", goals)


def _measure(root: Path, cache: Path, what: str, goals: tuple[float | None, float]) -> None:
    """Print one line for each way to list the runs."""

    def forget() -> None:
        for file in cache.glob("*"):
            file.unlink()

    def first() -> None:
        Index(root, cache).refresh()

    def all_fields() -> None:
        for run in Index(root, cache).refresh():
            run.state  # noqa: B018 - the first field that is asked for brings all of them

    Index(root, cache).refresh()
    asking = _seconds(lambda: _ask_bare(root))
    if goals[0] is not None:
        reading = _seconds(lambda: _read_bare(root))
        parsing = _seconds(lambda: _parse_bare(root))
        indexing = _seconds(first, before=forget)
        _print(what, "first indexed", indexing, "bare read", reading, goals[0])
        _print(what, "first indexed", indexing, "json of each line", parsing, None)
    _print(what, "listed again", _seconds(first), "bare stat", asking, goals[1])
    _print(what, "with all fields", _seconds(all_fields), "bare stat", asking, None)
    kept = Index(root, cache)
    kept.refresh()
    _print(what, "in one process", _seconds(kept.refresh), "bare stat", asking, None)


def _ask_bare(root: Path) -> list[str]:
    paths = []
    for entry in os.scandir(root / "runs"):
        path = f"{entry.path}/facts/events.jsonl"
        os.stat(path)
        paths.append(path)
    return paths


def _read_bare(root: Path) -> None:
    for path in _ask_bare(root):
        with open(path, "rb") as file:
            file.read()


def _parse_bare(root: Path) -> None:
    for path in _ask_bare(root):
        with open(path, "rb") as file:
            for line in file:
                json.loads(line)


def _seconds(call: Callable[[], object], before: Callable[[], None] = lambda: None) -> float:
    times = []
    for _ in range(ROUNDS):
        before()
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _print(
    what: str, how: str, ours: float, floor_name: str, floor: float, goal: float | None
) -> None:
    told = f" (goal {1000 * goal:.0f} ms)" if goal else ""
    print(
        f"{what}  {how:18} {1000 * ours:7.1f} ms   {floor_name} {1000 * floor:6.1f} ms   "
        f"ratio {ours / floor:.1f}{told}"
    )


if __name__ == "__main__":
    main()
