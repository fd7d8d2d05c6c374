"""Run directories full of rubbish: a reader raises a `FactsError`, and does nothing worse."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import engine.cli
from engine.errors import FactsError
from engine.facts import RunDir, read_events, read_scalars
from engine.facts.attempts import process_of, read_attempts
from engine.facts.curves import load_curves, preview
from engine.facts.follow import EventFollower, ScalarsFollower
from engine.facts.labels import read_labels
from engine.library.index import Index, find_runs, summarise
from engine.tables.query import parse
from engine.training_loops.device import max_memory_mib, reset_max_memory
from tests.conftest import long_form

MIB = 2**20
CPU = torch.device("cpu")

GOLDEN = Path(__file__).parents[1] / "golden" / "events.jsonl"
EVENTS = [json.loads(line) for line in GOLDEN.read_text().splitlines()]
ROWS = (GOLDEN.parent / "scalars.csv").read_text()

numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 2**63, 10**400, 1e308, -0.0, float("nan"), float("inf"), True]),
)
ODD_TEXTS = [
    *("", "\x1b[31m", "\x1b]0;x\x07", "\x00", "../..", "/etc", "__proto__", "NaN", "null"),
    *("!!python/object/apply:os.mkdir [executed]", "=cmd()", "\u202e", "\ud800", "9" * 5000),
    *("2026-11-23T04:00:00+00:00", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00"),
]

texts = st.one_of(st.text(max_size=20), st.sampled_from(ODD_TEXTS))

values = st.recursive(
    st.one_of(st.none(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=8,
)


@st.composite
def event_lines(draw: st.DrawFn) -> bytes:
    """A line of events: as it should be, with other values or keys, or damaged anywhere."""
    event = json.loads(json.dumps(draw(st.sampled_from(EVENTS))))
    for place in draw(st.lists(st.sampled_from(["top", "meta", "metrics"]), max_size=3)):
        node = event if place == "top" else event.get(place)
        if isinstance(node, dict):
            key = draw(st.one_of(st.sampled_from(sorted(node) or ["a"]), texts))
            node[key] = draw(values)
    line = json.dumps(event).encode("utf-8", "replace")
    return damaged(draw, line) + draw(st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"", b"\0"]))


def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """`data`, or a part of it, or with something put in."""
    how = draw(st.sampled_from(["whole", "whole", "cut", "more", "utf-16"]))
    at = draw(st.integers(0, len(data)))
    if how == "cut":
        return data[:at]
    if how == "more":
        return data[:at] + draw(st.binary(max_size=30)) + data[at:]
    return data.decode("utf-8", "replace").encode("utf-16") if how == "utf-16" else data


@st.composite
def event_files(draw: st.DrawFn) -> bytes:
    return b"".join(draw(st.lists(event_lines(), max_size=6)))


@st.composite
def row_files(draw: st.DrawFn) -> bytes:
    return damaged(draw, ROWS.encode()) + draw(st.binary(max_size=40))


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """launch.json, labels.json or attempts/1.json."""
    names = ["run_id", "command", "target", "state", "reason", "job_id", "parent", "submitted"]
    names += ["tags", "note", "archived", "host", "pid", "pid_started", "boot_id", "started"]
    names += ["memory_limit_mib", "oom_kills", "events_size", "run_dir", "pid_namespace"]
    record = draw(st.dictionaries(st.one_of(st.sampled_from(names), texts), values, max_size=10))
    return damaged(draw, json.dumps(record).encode("utf-8", "replace"))


yaml_files = st.one_of(
    st.binary(max_size=60),
    st.lists(texts, max_size=4).map(lambda t: "\n- ".join(["", *t]).encode("utf-8", "replace")),
)

KINDS = ["file", "file", "file", "file", "missing", "folder", "loop", "link", "pipe", "secret"]

FILES: dict[str, st.SearchStrategy[bytes]] = {
    "facts/events.jsonl": event_files(),
    "facts/scalars.csv": row_files(),
    "launch.json": records(),
    "labels.json": records(),
    "attempts/1.json": records(),
    "attempts/7.json": records(),
    ".hydra/config.yaml": yaml_files,
    ".hydra/overrides.yaml": yaml_files,
    "last.pt": st.binary(max_size=30),
    "train.log": st.binary(max_size=30),
}

run_directories = st.fixed_dictionaries(
    {name: st.tuples(st.sampled_from(KINDS), content) for name, content in FILES.items()}
)


def make(folder: Path, files: dict[str, tuple[str, bytes]]) -> RunDir:
    """The run directory; each entry an ordinary file or something in its place."""
    for name, (kind, content) in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "file":
            path.write_bytes(content)
        elif kind == "folder":
            path.mkdir()
        elif kind == "loop":
            path.symlink_to(path.name)
        elif kind == "link":
            path.symlink_to("/etc/passwd")
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "secret":
            path.write_bytes(content)
            path.chmod(0)
    return RunDir(folder)


def follow_to_the_end(follower: Any) -> None:
    for _ in range(10_000):
        if not follower.poll(max_records=100).more:
            return
    raise AssertionError("the follower does not come to an end")


READERS: dict[str, Callable[[RunDir], object]] = {
    "events": lambda run: read_events(run.path),
    "scalars": lambda run: read_scalars(run.path),
    "event follower": lambda run: follow_to_the_end(EventFollower(run.path)),
    "scalars follower": lambda run: follow_to_the_end(ScalarsFollower(run.path)),
    "curves": lambda run: load_curves(run.path),
    "preview": lambda run: preview(run.path, "val_loss"),
    "labels": read_labels,
    "attempts": lambda run: [process_of(attempt) for attempt in read_attempts(run)],
}


def check_readers(run: RunDir, caches: Path) -> None:
    for read in READERS.values():
        with contextlib.suppress(FactsError):
            read(run)
    summary = summarise(run.path)
    assert summary.state is not None or summary.problem
    query = parse("val_loss<0.5 or not lr>=0.001 and has:host or tag=x or started>2026-01-01")
    root = run.path.parent
    for _ in range(2):  # the second time from the cache
        for listed in Index(root, caches).refresh():
            assert query.matches(listed) in (True, False)
    assert run.path in find_runs(root)


def check_commands(run: RunDir) -> None:
    """What commands print is text, and no failure is one that nobody thought of."""
    root = ["--root", str(run.path.parent)]
    name = run.path.name
    for words in (["runs"], ["show", name], ["diff", name, name], ["export", name, "--latex"]):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = engine.cli.main([*words, *root])
        assert code in (0, 1, 2)
        assert "unexpected" not in err.getvalue()
        for control in "\x1b\x00\x07\x9b\u202e\r":
            assert control not in out.getvalue() + err.getvalue()


LONG = [pytest.param(n, 200, marks=pytest.mark.slow, id=f"{n + 1} of 50") for n in range(50)]
"""10,000 cases, not in one run of Hypothesis, which remembers each of them at length."""


@pytest.mark.parametrize(("begin", "cases"), [pytest.param(None, 60, id="short"), *LONG])
def test_no_run_directory_makes_a_reader_fail_hang_or_fill_the_memory(
    own_folder: Path, begin: int | None, cases: int
) -> None:
    count = iter(range(sys.maxsize))

    @settings(
        max_examples=cases,
        deadline=20_000,  # milliseconds: a reader that hangs
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(run_directories)
    def check(files: dict[str, tuple[str, bytes]]) -> None:
        root = own_folder / str(next(count))
        folder = root / "run"
        (folder / "facts").mkdir(parents=True)
        run = make(folder, files)
        reset_max_memory(CPU)
        before = max_memory_mib(CPU)
        check_readers(run, own_folder / "caches")
        check_commands(run)
        assert max_memory_mib(CPU) - before < 100
        shutil.rmtree(root)

    (check if begin is None else seed(begin)(check))()
    assert next(count) >= cases
    assert not Path("executed").exists()


def many_metrics(file: io.BufferedWriter) -> None:
    for i in range(30_000):
        event = {"moment": "on_epoch_end", "step": i, "metrics": {f"m{i}": i}}
        file.write(json.dumps(event).encode() + b"\n")


LISTS = b'{"moment":"a","metrics":{"a":[%s0]}}\n'
HISTORIES = b'{"moment":"on_train_end","histories":{"a":[%s0]},"error":null}\n'

HUGE: dict[str, Callable[[io.BufferedWriter], object]] = {
    "a torn line": lambda file: file.write(b'{"moment":"on_progress","error":"' + b"x" * 64 * MIB),
    "a whole line": lambda file: file.write(b'{"moment":"' + b"x" * 64 * MIB + b'"}\n'),
    "NUL bytes": lambda file: file.truncate(64 * MIB),
    "lists": lambda file: file.write(LISTS % (b"[]," * 6 * MIB)),
    "histories": lambda file: file.write(HISTORIES % (b"0.5," * 3 * MIB)),
    "deep": lambda file: file.write(b'{"moment":' + b"[" * MIB + b"]" * MIB + b"}\n"),
    "ends of lines": lambda file: file.write(b"\n" * 8 * MIB),
    "metrics": many_metrics,
}


USUAL = ("a whole line", "lists", "histories")


@pytest.mark.parametrize("kind", [*USUAL, *long_form(*(k for k in HUGE if k not in USUAL))])
def test_a_huge_file_is_read_in_little_memory(own_folder: Path, kind: str) -> None:
    """In a process of its own, whose memory nothing else has raised."""
    run = RunDir(own_folder / "run")
    run.facts.mkdir(parents=True)
    for path in (run.events, run.scalars):
        with open(path, "wb") as file:
            HUGE[kind](file)
    child = os.fork()
    if child == 0:
        grown = float("inf")
        with contextlib.suppress(BaseException):
            reset_max_memory(CPU)
            before = max_memory_mib(CPU)
            check_readers(run, own_folder / "caches")
            grown = max_memory_mib(CPU) - before
        os._exit(int(min(grown, 255)))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) < 100, "MiB, or a failure at 255"
