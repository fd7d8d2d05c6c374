"""`engine follow`: every event once, in order, until the run is over; the exit code tells how."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.cli.event_lines import Teller
from engine.cli.follow import Look, Printer, follow, looks
from engine.facts import RunDir, read_events
from tests.bench.tree import BEGUN, config_of, events_of, line_of, make_run

EPOCHS = 4


class Training:
    """A run whose events are written while somebody follows it: one step at each wait."""

    def __init__(self, path: Path, steps: list[Callable[[], object]]) -> None:
        self.path = path
        self.steps = iter(steps)
        self.waits: list[float] = []
        self.time = 0.0

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds
        step = next(self.steps, None)
        assert step is not None, "the run is over, and the following goes on"
        step()

    def follow(self, lines: int | None = None, as_json: bool = False) -> int:
        all_looks = looks(self.path, self.wait, lambda: self.time)
        return follow(self.path, Printer(lines, as_json), bounded(all_looks), once=False)


def bounded(all_looks: Iterator[Look]) -> Iterator[Look]:
    """At most a hundred looks: none of these runs needs more, and a mistake must not last."""
    for number, look in enumerate(all_looks):
        assert number < 100, "the following does not end"
        yield look


def a_run(folder: Path, end: str | None = "on_train_end") -> tuple[RunDir, list[str]]:
    """A run directory without events, and the lines that are to come."""
    run = RunDir(folder / "run")
    run.facts.mkdir(parents=True)
    events = events_of(run.path, config_of(0, EPOCHS), EPOCHS, end, begun=BEGUN)
    return run, [line_of(event) for event in events]


def append(run: RunDir, text: str) -> Callable[[], object]:
    def step() -> None:
        with open(run.events, "a") as file:
            file.write(text)

    return step


def moments(text: str) -> list[str]:
    """The first word of every event that was told; `epoch` for its count."""
    words = [line.split()[1] for line in text.splitlines() if not line.startswith("--")]
    return ["epoch" if word.startswith("[") else word for word in words]


def test_every_event_is_told_once_in_order_until_the_end(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, lines = a_run(own_folder)
    torn = [append(run, lines[2][:50]), append(run, lines[2][50:] + "\n")]
    steps = [append(run, lines[0] + "\n"), append(run, lines[1] + "\n"), *torn]
    steps += [append(run, "".join(line + "\n" for line in lines[3:])), lambda: None]
    training = Training(run.path, steps)
    assert training.follow() == 0
    out = capsys.readouterr().out
    assert moments(out) == ["start", "epoch", "epoch", "epoch", "epoch", "test", "end"]
    assert out.startswith("-- run: running: no event yet")
    assert out.splitlines()[-1] == f"-- run: finished {EPOCHS} epochs"
    assert out.count("finished") == 1
    assert max(training.waits) < 1


def test_json_passes_the_lines_as_they_are(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, lines = a_run(own_folder, end="on_exception")
    steps = [append(run, line + "\n") for line in lines]
    assert Training(run.path, [*steps, lambda: None]).follow(as_json=True) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == lines
    assert "failed: TrainingError: the loss is nan" in err


def test_a_run_that_is_over_needs_no_wait_and_shows_its_last_lines(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run(own_folder / "outputs" / "runs" / "run", epochs=EPOCHS)
    assert Training(path, []).follow(lines=2) == 0
    assert main(["follow", "last", "--lines", "2"]) == 0
    out = capsys.readouterr().out
    assert moments(out) == ["test", "end"] * 2
    assert "-- 5 earlier events; --lines 7 shows them all" in out
    assert main(["follow", "run", "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(read_events(path).records)


def test_of_past_heartbeats_only_the_last_is_shown_and_of_new_ones_all(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, lines = a_run(own_folder)
    beat = lines[0].replace('"on_start"', '"on_progress"') + "\n"
    append(run, beat + lines[0] + "\n" + beat * 3 + lines[1] + "\n" + beat * 2)()
    steps = [append(run, beat), append(run, beat), append(run, lines[-1] + "\n"), lambda: None]
    assert Training(run.path, steps).follow(lines=2) == 0
    out = capsys.readouterr().out
    assert "-- 1 earlier event; --lines 3 shows them all" in out
    assert moments(out) == ["epoch", "progress", "progress", "progress", "end"]


@pytest.mark.parametrize(
    ("end", "stopped", "code"),
    [("on_train_end", False, 0), ("on_train_end", True, 0), ("on_exception", False, 1)],
)
def test_the_exit_code_tells_how_it_ended(
    own_folder: Path, end: str, stopped: bool, code: int
) -> None:
    make_run(own_folder / "outputs" / "run", epochs=1, planned=2, end=end, stopped=stopped)
    assert main(["follow", "run"]) == code


def test_a_run_that_vanishes_is_told_to_be_lost(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run(own_folder / "run", epochs=1, planned=9, end=None)
    heartbeat = path / "attempts" / "1.json"
    os.utime(heartbeat)

    def vanish() -> None:
        os.utime(heartbeat, (0, 0))

    nothing: list[Callable[[], object]] = [lambda: None] * 10
    training = Training(path, [*nothing, vanish, *nothing])
    assert training.follow() == 1
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("--")]
    assert [line.split()[2] for line in said] == ["running:", "lost:"]
    assert "node is gone or cut off" in said[-1]


def test_once_ends_at_the_end_of_what_is_there(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run(own_folder / "outputs" / "run", epochs=2, planned=9, end=None)
    os.utime(path / "attempts" / "1.json")
    assert main(["follow", "run", "--once"]) == 0
    assert moments(capsys.readouterr().out) == ["start", "epoch", "epoch"]


def test_a_queued_run_is_waited_for(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, lines = a_run(own_folder)
    run.facts.rmdir()
    record = {"run_id": "run", "state": "queued", "reason": "2 jobs before it"}
    run.launch.write_text(json.dumps(record))
    steps: list[Callable[[], object]] = [lambda: None, run.facts.mkdir]
    steps += [append(run, "".join(line + "\n" for line in lines)), lambda: None]
    assert Training(run.path, steps).follow() == 0
    out = capsys.readouterr().out
    assert out.startswith("-- run: queued: 2 jobs before it\n")
    assert moments(out)[-1] == "end"


def test_events_that_begin_anew_are_told_again(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, lines = a_run(own_folder)
    whole = "".join(line + "\n" for line in lines)
    beside = own_folder / "beside"
    beside.write_text(whole)
    steps = [append(run, lines[0] + "\n"), lambda: beside.replace(run.events), lambda: None]
    assert Training(run.path, steps).follow() == 0
    out = capsys.readouterr().out
    assert "-- run: the events begin anew" in out
    assert moments(out) == ["start", "start", "epoch", "epoch", "epoch", "epoch", "test", "end"]


def test_what_cannot_be_read_or_asked_is_an_error(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["follow", "nothing"]) == 2
    path = make_run(own_folder / "outputs" / "run", epochs=1)
    assert main(["follow", "run", "--lines", "-1"]) == 2
    RunDir(path).events.unlink()
    RunDir(path).events.mkdir()
    assert main(["follow", "run"]) == 1
    assert "events.jsonl" in capsys.readouterr().err


def test_facts_that_may_not_be_read_are_a_sentence(
    own_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(own_folder / "outputs" / "run", epochs=1)
    open_file = os.open

    def refuse(path: Any, *args: Any, **words: Any) -> int:
        if str(path).endswith("facts"):
            raise PermissionError(13, "Permission denied", path)
        return open_file(path, *args, **words)

    monkeypatch.setattr(os, "open", refuse)
    assert main(["follow", "run"]) == 1
    error = capsys.readouterr().err
    assert "cannot read" in error
    assert "unexpected" not in error


def test_a_reader_that_goes_away_ends_it_in_silence(own_folder: Path) -> None:
    make_run(own_folder / "outputs" / "run", epochs=2000)
    command = [sys.executable, "-m", "engine", "follow", "last", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert b"on_start" in process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_an_interrupt_ends_the_following_with_130(own_folder: Path) -> None:
    path = make_run(own_folder / "outputs" / "run", epochs=1, planned=9, end=None)
    os.utime(path / "attempts" / "1.json")
    command = [sys.executable, "-m", "engine", "follow", "run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        while b"-- run: running" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        assert process.communicate() == (b"", b"")
    assert process.returncode == 130


def test_a_line_tells_what_matters() -> None:
    teller = Teller()
    told = [teller.tell(record).strip() for record in records()]
    assert told[0].split(maxsplit=1) == [
        "start",
        "attempt 2, on node7, going on after 5 epochs and 1,200 steps",
    ]
    assert told[1] == "progress  step 1,250  train 0.5000   0.9k events/s"
    assert told[2] == "[ 6/20]  train 0.5000   val 0.4000 *  0.9k events/s  3.0 s  ETA 0:42"
    assert told[3] == "[ 7/20]  train 0.5000   val nan"
    assert told[4] == "[ 8/20]  train 1.00e-03  val 0.4500"
    assert told[5] == "failed    ValueError: no"


def test_metrics_are_told_when_asked_for() -> None:
    told = [Teller(metrics=metrics).tell(list(records())[2]) for metrics in (False, True)]
    assert told[1] == f"{told[0]}  token_mse 0.25"


def test_an_epoch_fits_a_terminal_and_all_stand_in_columns(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(own_folder / "outputs" / "run", epochs=120)
    assert main(["follow", "run", "--lines", "122"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "ETA" in line]
    assert len(lines) == 120
    assert max(map(len, lines)) <= 80
    for word in ("train", "val", "events/s"):
        assert len({line.index(word) for line in lines}) <= (2 if word == "events/s" else 1)
    assert lines[-1].endswith("ETA 0:00")


def test_the_best_epoch_is_told_from_all_of_the_past(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run(own_folder / "outputs" / "run", epochs=30)
    epochs = read_events(path).of("on_epoch_end")
    best = [
        e["epoch"]
        for n, e in enumerate(epochs)
        if e["val_loss"] < min((before["val_loss"] for before in epochs[:n]), default=9.0)
    ]
    assert 1 < len(best) < 30
    for lines in (32, 12):
        assert main(["follow", "run", "--lines", str(lines)]) == 0
        told = [line for line in capsys.readouterr().out.splitlines() if "[" in line]
        marked = [int(line.split("[")[1].split("/")[0]) - 1 for line in told if " * " in line]
        assert marked == [epoch for epoch in best if epoch >= 32 - lines]


def test_the_past_is_printed_as_it_is_read_and_never_held(
    own_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, lines = a_run(own_folder)
    run.events.write_text(f"{lines[0]}\n" + f"{lines[1]}\n" * 3000)
    printer = Printer(None, as_json=True)
    all_looks = looks(run.path)
    printer.show(next(all_looks), last=False)
    first = capsys.readouterr().out.splitlines()
    assert first[0] == lines[0]
    assert len(first) < 3001

    formatted: list[object] = []
    monkeypatch.setattr(Teller, "tell", lambda self, record: formatted.append(record) or "told")
    assert main(["follow", str(run.path), "--once", "--lines", "7"]) == 0
    assert len(formatted) == 7


def records() -> Iterator[dict[str, Any]]:
    """Events with little in them."""
    meta = {"attempt": 2, "hostname": "node7", "resumed_from": {"epoch": 5, "step": 1200}}
    meta["config"] = {"phase1": {"trainer": {"epochs": 20}}}
    yield {"moment": "on_start", "meta": meta}
    yield {"moment": "on_progress", "step": 1250, "train_loss": 0.5, "throughput": 900.0}
    epoch = {"moment": "on_epoch_end", "epoch": 5, "train_loss": 0.5, "val_loss": 0.4}
    metrics = {"token_mse": 0.25, "train_token_mse": 1.0, "lr": 0.1}
    yield epoch | {"metrics": metrics, "epoch_time_s": 3.0, "throughput": 900.0}
    yield epoch | {"epoch": 6, "val_loss": None, "nonfinite": ["val_loss"]}
    yield epoch | {"epoch": 7, "val_loss": 0.45, "train_loss": 0.001}
    yield {"moment": "on_exception", "error": "ValueError: no\nmore"}
