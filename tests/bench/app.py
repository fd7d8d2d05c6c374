"""The app in a terminal: when it shows what, what that costs in bytes, time and memory.

The runs are generated, and written to while they are watched. Each number is printed beside the
goal. Machines differ by a factor, so what is about starting also stands as a multiple of a Textual
app that shows one line, which is the least there can be, and what is about reading as a multiple of
`json.loads` of the same lines. The goals were set where these took 0.15 s, and 2.7 us a
line of four numbers.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench import configure
from tests.bench.terminal import Terminal, terminal
from tests.bench.tree import config_of, events_of, line_of, make_run, make_tree

APP = [sys.executable, "-m", "tui"]
TRIVIAL = """
from textual.app import App
from textual.widgets import Static
class Trivial(App):
    def compose(self):
        yield Static("here it is")
Trivial().run()
"""
LEAST = [sys.executable, "-c", TRIVIAL]
ROUNDS = 5
KEYS = 60


def main() -> None:
    """Print all measurements; the machine should have nothing else to do."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        os.environ["XDG_STATE_HOME"] = f"{folder}/state"
        os.environ.pop("SSH_CONNECTION", None)
        place = Path(folder)
        _listing(place)
        _long_run(place)
        _live(place)
        _busy(place)
    configure.main()


def _say(what: str, value: str, goal: str) -> None:
    print(f"{what:58} {value:>22}   goal {goal}", flush=True)


def _listing(place: Path) -> None:
    """First paint, filtering, bytes of the first screen, and memory with 50 runs loaded."""
    least = _median(lambda: _until(LEAST, "here it is"))
    _say("a Textual app that shows one line", f"{least:.2f} s", "-")
    goals = ((1000, "0.4 s (2.7 x)", "0.8 s (5.3 x)"), (10_000, "1.5 s (10 x)", "1.5 s (10 x)"))
    for n_runs, goal, goal_filter in goals:
        root = place / f"outputs{n_runs}"
        make_tree(root, n_runs, epochs=50 if n_runs == 1000 else 3)
        app = [*APP, "--root", str(root)]
        newest = f"job{n_runs - 1}"
        _until(app, newest)  # fills the cache
        with terminal(app) as shown:
            shown.until(newest, 120)
            shown.quiet(2.0, 120)
        paint = _median(lambda app=app, newest=newest: _until(app, newest))
        _say(f"{n_runs:,} runs: first paint", f"{paint:.2f} s ({paint / least:.1f} x)", goal)
        found = _median(lambda app=app, n_runs=n_runs: _filtered(app, n_runs))
        told = f"{found:.2f} s ({found / least:.1f} x)"
        _say(f"{n_runs:,} runs: one of them found by a filter", told, goal_filter)
    with terminal([*APP, "--root", str(place / "outputs1000")], (160, 48)) as shown:
        shown.until("job999")
        shown.quiet()
        _say("first screen at 160x48", f"{shown.bytes / 1000:.1f} kB", "40 kB")
        _say("the table, nothing changes", f"{shown.bytes_in(10) / 10:.0f} B/s", "0 B/s")
        shown.send("/seed<50\r")
        shown.quiet()
        shown.send("a")
        shown.quiet()
        shown.send("c")
        shown.quiet(3.0)
        _say("memory, 1,000 runs and 50 compared", f"{shown.memory_mib():.0f} MiB", "200 MiB")


def _filtered(app: Sequence[str], n_runs: int) -> float:
    """Seconds from the command until a filter over all runs has its answer."""
    with terminal(app) as shown:
        shown.until(f"job{n_runs - 1}")
        shown.send("/seed=7")
        return shown.until(f"1 of {n_runs:,}")


def _long_run(place: Path) -> None:
    """A run of many events, from the command to its last value."""
    path = place / "long" / "runs" / "run_long"
    events = list(events_of(path, config_of(1, 10), 10, None))
    run = make_run(path, epochs=1, end=None)
    template = next(line for line in map(line_of, events) if "on_epoch_end" in line)
    with (run / "facts" / "events.jsonl").open("w") as file:
        file.write(line_of(events[0]) + "\n")
        for epoch in range(100_000):
            file.write(_like(template, epoch, _loss(epoch)) + "\n")
        file.write(_like(template, 100_000, 0.54321) + "\n")
    app = [*APP, "--root", str(place / "long"), "--run", "run_long"]
    _until(app, "0.5432")
    drawn = _median(lambda: _until(app, "0.5432"), 3)
    parsed = _median(lambda: _parsed(run / "facts" / "events.jsonl"), 3)
    told = f"{drawn:.2f} s ({drawn / parsed:.1f} x json)"
    _say("100,000 events x 4 charts drawn, from the command", told, "0.8 s (3 x json)")


def _parsed(path: Path) -> float:
    """Seconds that `json.loads` takes for the lines of a file."""
    lines = path.read_bytes().splitlines()
    began = time.perf_counter()
    for line in lines:
        json.loads(line)
    return time.perf_counter() - began


def _live(place: Path) -> None:
    """One run with four charts that writes 10 events a second; and when it has ended."""
    root = place / "live"
    with _writing(root, n_runs=1, per_second=10, before=1500) as paths:
        app = [*APP, "--root", str(root), "--run", paths[0].name]
        with terminal(app) as shown:
            shown.until("throughput")
            shown.bytes_in(5)
            cpu, began = shown.cpu_s(), time.perf_counter()
            sent = shown.bytes_in(30) / 30
            used = (shown.cpu_s() - cpu) / (time.perf_counter() - began)
    _say("four live charts, 10 events/s", f"{sent / 1000:.2f} kB/s", "2.5 kB/s")
    _say("four live charts, 10 events/s", f"{100 * used:.1f} % of a core", "8 %")
    with terminal(app) as shown:
        shown.until("throughput")
        delays = sorted(_flushed(shown, paths[0]) for _ in range(20))
    _say("event flushed to pixels, 95th percentile", f"{delays[18]:.2f} s", "0.7 s")
    ended = make_run(root / "runs" / "run_ended", epochs=30)
    with terminal([*APP, "--root", str(root), "--run", ended.name]) as shown:
        shown.until("throughput")
        shown.quiet(3.0)
        _say("charts, nothing changes", f"{shown.bytes_in(10) / 10:.0f} B/s", "0 B/s")


def _flushed(shown: Terminal, path: Path) -> float:
    """Seconds from the flush of an event until its value is on the screen."""
    value = random.randint(1001, 9998) / 10_000 + 0.00001
    events = path / "facts" / "events.jsonl"
    line = _like(line_of(next(_epochs(path))), len(events.read_bytes().splitlines()), value)
    with events.open("a") as file:
        file.write(line + "\n")
    began = time.perf_counter()
    return shown.until(f"{value:.4f}", 10) + shown.began - began


def _busy(place: Path) -> None:
    """Key presses while 20 runs write 2,000 events a second."""
    root = place / "busy"
    app = [*APP, "--root", str(root)]
    with _writing(root, n_runs=20, per_second=100) as paths, terminal(app) as shown:
        shown.until(paths[0].name[-6:])
        shown.bytes_in(3)
        delays = []
        for _ in range(KEYS // len(paths)):
            shown.send("\x1b[H")  # to the first row
            shown.bytes_in(1)
            names = [path.name for path in paths]
            delays += [_pressed(shown, name) for name in names[1:]]
        delays.sort()
    worst = delays[int(0.95 * len(delays))]
    _say("key to repaint at 2,000 events/s, 95th percentile", f"{1000 * worst:.0f} ms", "80 ms")


def _pressed(shown: Terminal, name: str) -> float:
    """Seconds from a key press until the line below the table tells of the next run."""
    began = time.perf_counter()
    shown.send("\x1b[B")
    delay = shown.until(f"\n {name}  ", 10) + shown.began - began
    shown.bytes_in(random.uniform(0.1, 0.3))
    return delay


@contextmanager
def _writing(root: Path, n_runs: int, per_second: int, before: int = 5) -> Iterator[list[Path]]:
    """Runs with some epochs `before`, that go on while the block lasts."""
    begun = time.strftime("%Y%m%d-%H%M%S")
    paths = [root / "runs" / f"run_{begun}_ae_job{n:03}" for n in range(n_runs)]
    for n, path in enumerate(paths):
        make_run(path, epochs=0, planned=100_000, end=None, seed=n)
        template = line_of(next(_epochs(path)))
        with (path / "facts" / "events.jsonl").open("a") as file:
            file.writelines(_like(template, epoch, _loss(epoch)) + "\n" for epoch in range(before))
    over = threading.Event()
    writer = threading.Thread(target=_write, args=(paths, per_second, before, over))
    writer.start()
    try:
        yield paths
    finally:
        over.set()
        writer.join()


def _write(paths: Sequence[Path], per_second: int, epoch: int, over: threading.Event) -> None:
    files = [(path / "facts" / "events.jsonl").open("a") for path in paths]
    templates = [line_of(next(_epochs(path))) for path in paths]
    while not over.wait(0.1):
        for _ in range(max(1, per_second // 10)):
            for file, template in zip(files, templates, strict=True):
                file.write(_like(template, epoch, _loss(epoch)) + "\n")
            epoch += 1
        for file in files:
            file.flush()
    for file in files:
        file.close()


def _epochs(path: Path) -> Iterator[dict[str, object]]:
    events = events_of(path, config_of(1, 10), 1, None)
    return (event for event in events if event["moment"] == "on_epoch_end")


def _loss(epoch: int) -> float:
    """A loss as trainings have it."""
    return (0.2 + 1 / (1 + epoch / 300)) * random.uniform(0.97, 1.03)


def _like(template: str, epoch: int, value: float) -> str:
    """The line of an epoch with other numbers: those of four charts."""
    event = json.loads(template)
    event |= {"epoch": epoch, "step": 100 * (epoch + 1), "total_time_s": 0.1 * epoch}
    event |= {"val_loss": value, "train_loss": 0.9 * value, "throughput": 1e4 * (2 - value)}
    event |= {"epoch_time_s": None, "max_memory_mib": None}
    event["metrics"] = {"token_mse": 0.6 * value, "id_accuracy": 1 - 0.4 * value}
    return line_of(event)


def _until(command: Sequence[str], text: str) -> float:
    """Seconds from the command until a text is on the screen."""
    with terminal(command) as shown:
        return shown.until(text, 120)


def _median(call: Callable[[], float], rounds: int = ROUNDS) -> float:
    return statistics.median(call() for _ in range(rounds))


if __name__ == "__main__":
    main()
