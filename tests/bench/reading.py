"""What reading long runs costs: all their curves, a first glance, and following many at once.

Beside it the same bytes read with a bare `open().read()`, and for a shorter run every line given
to `json.loads`.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.facts import RunDir, append_jsonl_event, build_event_payload
from engine.facts.curves import load_curves, preview
from engine.facts.follow import EventFollower, Pace

METRICS = {f"metric_{i}": 0.111111 * (i + 1) for i in range(4)}
NUMBERS = {"train_loss": 0.777777, "val_loss": 0.888888} | {
    "epoch_time_s": 0.999999,
    "throughput": 0.101011,
    "max_memory_mib": 400.5,
}
MEMORY = """
import sys
from engine.facts.curves import load_curves
def used():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
base = used()
load_curves(sys.argv[1])
print(used(), used() - base)
"""
"""The largest memory so far; what `getrusage` says begins with that of the parent."""


def main() -> None:
    """Load 100,000 and 1,000,000 events, and follow 20 runs."""
    for numbers in ({}, NUMBERS):
        kind = f"4 metrics{f' and {len(numbers)} more' if numbers else ''}"
        with tempfile.TemporaryDirectory(dir=os.getcwd()) as folder:
            _short_run(folder, kind, numbers)
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as folder:
        _long_run(folder)
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as folder:
        _follow(Path(folder), n_runs=20, rate=100, seconds=10)


def _short_run(folder: str, kind: str, numbers: dict[str, float]) -> None:
    events = _write_run(folder, 100_000, numbers)
    bare = _best(lambda: events.read_bytes())
    parsed = _best(lambda: [json.loads(line) for line in events.read_bytes().splitlines()])
    ours = _best(lambda: load_curves(folder))
    print(
        f"100,000 events, {kind:21} {ours:6.2f} s    ratio to a bare read {ours / bare:5.1f}, "
        f"to json.loads {ours / parsed:.2f} (goal at most 0.5 s)"
    )


def _long_run(folder: str) -> None:
    events = _write_run(folder, 1_000_000, {})
    bare = _best(lambda: events.read_bytes())
    for name, goal, read in (
        ("first series", 0.5, lambda: preview(folder, "metric_2")),
        ("one series, whole", 4, lambda: load_curves(folder, ["metric_2"])),
        ("everything", 4, lambda: load_curves(folder)),
    ):
        ours = _best(read, repeats=2)
        print(
            f"1,000,000 events, {name:19} {ours:6.2f} s    "
            f"ratio to a bare read {ours / bare:5.1f} (goal at most {goal} s)"
        )
    command = [sys.executable, "-c", MEMORY, folder]
    total, more = map(float, subprocess.check_output(command, text=True).split())
    print(f"1,000,000 events, memory {total:.0f} MiB, {more:.0f} above start (goal at most 200 MB)")


def _follow(root: Path, n_runs: int, rate: int, seconds: int) -> None:
    """Follow runs in a time that is told, not waited for; writing is not counted."""
    runs = [root / f"run_{number}" for number in range(n_runs)]
    lines = [_lines(run, {}, rate * seconds) for run in runs]
    followers, pace = [EventFollower(run) for run in runs], Pace()
    used, bare, now, n_read = 0.0, 0.0, 0.0, 0
    while now < seconds:
        wait = pace.next_interval(changed=True, now=now)
        now += wait
        for run, new in zip(runs, lines, strict=True):
            with open(RunDir(run).events, "a") as file:
                file.writelines(next(new, "") for _ in range(round(rate * wait)))
        started = time.process_time()
        n_read += sum(len(follower.poll(max_ms=math.inf).records) for follower in followers)
        used += time.process_time() - started
        started = time.process_time()
        for run in runs:
            with open(RunDir(run).events, "rb") as file:
                file.seek(-round(rate * wait) * 500, os.SEEK_END)
                file.read()
        bare += time.process_time() - started
    print(
        f"following {n_runs} runs, {n_read / seconds:,.0f} events/s   {used / seconds:.1%} of a "
        f"core   ratio to bare reads {used / bare:.1f} (goal at most 10%)"
    )


def _write_run(folder: str, n: int, numbers: dict[str, float]) -> Path:
    events = RunDir(Path(folder)).events
    lines = _lines(Path(folder), numbers, n)
    with open(events, "w") as file:
        file.writelines(lines)
    return events


def _lines(run_dir: Path, numbers: dict[str, float], n: int) -> Iterator[str]:
    """Lines as our own writer makes them, with other numbers in each."""
    moment = "on_epoch_end" if numbers else "on_progress"
    payload = build_event_payload(
        moment, run_dir, epoch=7, step=123456, total_time_s=0.121212, metrics=METRICS, **numbers
    )
    append_jsonl_event(run_dir, payload)
    events = RunDir(run_dir).events
    template = events.read_text().replace("%", "%%").replace('"step":123456', '"step":%d')
    names = [name for name in (*METRICS, *numbers) if name != "max_memory_mib"]
    fields = {name: repr((METRICS | numbers)[name]) for name in names}
    for name, value in fields.items():
        template = template.replace(f'"{name}":{value}', f'"{name}":%({name})r')
    template = template.replace("%d", "%(step)d").replace("0.121212", "%(time)r")
    events.write_text("")
    draw = random.Random(1).random
    return (
        template % ({name: draw() for name in names} | {"step": step, "time": step / 64})
        for step in range(n)
    )


def _best(function: Callable[[], object], repeats: int = 3) -> float:
    """Seconds of the fastest of a few calls."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return min(times)


if __name__ == "__main__":
    main()
