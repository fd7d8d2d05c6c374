"""Each start of a run leaves one record, which says who trains and whether it still does."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import FactsError
from engine.facts import RunDir, machine
from engine.facts.attempts import (
    Attempt,
    Heartbeat,
    begin_attempt,
    heartbeat_age_s,
    newest_attempt,
    process_of,
    read_attempts,
)

BEGIN = """
import sys
from pathlib import Path
from engine.facts import RunDir
from engine.facts.attempts import begin_attempt
sys.stdin.readline()
for _ in range(20):
    print(begin_attempt(RunDir(Path(sys.argv[1]))).number)
"""


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """A run directory."""
    path = tmp_path / "run"
    path.mkdir()
    return RunDir(path)


def fails(error: int) -> Callable[..., None]:
    """A system call that always fails."""

    def call(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    return call


def test_an_attempt_is_read_as_it_was_written(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    first = begin_attempt(run)
    monkeypatch.setenv("THESIS_JOB_ID", "123.0")
    second, third = begin_attempt(run), begin_attempt(run, job_id="456.1")
    assert read_attempts(run) == [first, second, third]
    assert newest_attempt(run) == third
    assert [one.number for one in read_attempts(run)] == [1, 2, 3]
    assert [one.job_id for one in read_attempts(run)] == [None, "123.0", "456.1"]
    assert sorted(os.listdir(run.attempts)) == ["1.json", "2.json", "3.json"]


def test_a_record_says_who_trains_and_where(run: RunDir) -> None:
    run.facts.mkdir()
    run.events.write_text("{}\n")
    begin_attempt(run)
    record = json.loads((run.attempts / "1.json").read_text())
    assert (record["attempt"], record["pid"], record["events_size"]) == (1, os.getpid(), 3)
    assert record["host"] == machine.host_name()
    assert record["run_dir"] == str(run.path.resolve())
    assert {"path", "number"}.isdisjoint(record)


def test_many_processes_at_once_get_different_numbers(run: RunDir) -> None:
    command = [sys.executable, "-c", BEGIN, str(run.path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]  # type: ignore[call-overload]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    numbers = [int(word) for process in processes for word in process.communicate()[0].split()]
    assert sorted(numbers) == list(range(1, 61))
    assert [one.number for one in read_attempts(run)] == list(range(1, 61))
    assert all(one.pid for one in read_attempts(run))


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOTSUP])
def test_threads_get_different_numbers_where_links_cannot_be_made(
    run: RunDir, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    monkeypatch.setattr(os, "link", fails(error))
    with ThreadPoolExecutor(4) as pool:
        begun = list(pool.map(lambda _: begin_attempt(run), range(20)))
    assert sorted(one.number for one in begun) == list(range(1, 21))
    assert len(os.listdir(run.attempts)) == 20


def test_a_link_that_was_made_but_reported_as_failed_is_ones_own(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def repeated(source: Path, target: Path) -> None:
        link(source, target)
        monkeypatch.setattr(os, "link", link)
        raise FileExistsError(errno.EEXIST, "a network file system asked twice")

    monkeypatch.setattr(os, "link", repeated)
    assert begin_attempt(run).number == 1
    assert os.listdir(run.attempts) == ["1.json"]


def test_a_full_disk_is_an_error_and_leaves_nothing(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", fails(errno.ENOSPC))
    with pytest.raises(FactsError, match="No space left"):
        begin_attempt(run)
    assert os.listdir(run.attempts) == []


def test_a_folder_that_cannot_be_listed_still_takes_attempts(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_attempt(run)
    monkeypatch.setattr(os, "listdir", fails(errno.EACCES))
    second = begin_attempt(run)
    assert second.number == 2
    assert newest_attempt(run) == second


def test_a_newer_attempt_supersedes_the_older_ones(run: RunDir) -> None:
    first = begin_attempt(run)
    assert not first.superseded()
    second = begin_attempt(run)
    assert first.superseded()
    assert not second.superseded()


def test_a_beat_is_the_time_of_the_file_and_never_fails(run: RunDir) -> None:
    attempt = begin_attempt(run)
    os.utime(attempt.path, (1000, 1000))
    assert heartbeat_age_s(attempt, now=1014) == 14
    assert heartbeat_age_s(attempt, now=900) == -100
    attempt.beat()
    age = heartbeat_age_s(attempt)
    assert age is not None
    assert age < 60
    attempt.path.unlink()
    attempt.beat()
    assert heartbeat_age_s(attempt) is None
    assert not attempt.path.exists()


def test_a_heartbeat_beats_until_it_is_left(run: RunDir) -> None:
    attempt = begin_attempt(run)
    os.utime(attempt.path, (1000, 1000))
    deadline = time.monotonic() + 30
    with Heartbeat(attempt, every_s=0.001):
        while os.stat(attempt.path).st_mtime == 1000 and time.monotonic() < deadline:
            time.sleep(0.001)
    assert os.stat(attempt.path).st_mtime > 1000
    assert "heartbeat" not in [thread.name for thread in threading.enumerate()]


def test_leaving_a_heartbeat_does_not_wait_for_the_next_beat(run: RunDir) -> None:
    before = time.monotonic()
    with Heartbeat(begin_attempt(run), every_s=3600):
        pass
    assert time.monotonic() - before < 30


def test_the_process_of_an_attempt_is_looked_at_where_it_can_be(run: RunDir) -> None:
    mine = begin_attempt(run)
    assert process_of(mine) == "alive"
    assert process_of(replace(mine, pid_started=None, boot_id=None, pid_namespace=None)) == "alive"
    assert process_of(replace(mine, pid_started=1)) == "reused"
    assert process_of(replace(mine, boot_id="before")) == "rebooted"
    assert process_of(replace(mine, host="stbc-9")) == "elsewhere"
    assert process_of(replace(mine, pid_namespace="pid:[1]")) == "unknown"
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert process_of(replace(mine, pid=ended.pid, pid_started=None)) == "gone"
    ended.wait()
    assert process_of(replace(mine, pid=ended.pid)) == "gone"


def test_somebody_elses_process_is_alive(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = begin_attempt(run)
    monkeypatch.setattr(os, "kill", fails(errno.EPERM))
    assert process_of(attempt) == "alive"


@pytest.mark.parametrize("pid", [0, -1, -7, 2**22 + 1, 2**31, 10**400, True, "1", 1.0, None, [1]])
def test_no_signal_is_ever_sent_to_what_is_no_process_id(
    run: RunDir, pid: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = begin_attempt(run)
    record = json.loads(begun.path.read_text()) | {"pid": pid}
    sys.set_int_max_str_digits(0)
    try:
        begun.path.write_text(json.dumps(record))
    finally:
        sys.set_int_max_str_digits(4300)
    asked: list[object] = []
    monkeypatch.setattr(os, "kill", lambda *words: asked.append(words))
    (attempt,) = read_attempts(run)
    assert process_of(attempt) == "unknown"
    assert asked == []


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00\x00", "[" * 100_000, '{"pid": "\\ud800"}'])
def test_a_damaged_record_is_an_attempt_of_which_little_is_known(run: RunDir, text: str) -> None:
    begin_attempt(run)
    (run.attempts / "2.json").write_text(text)
    newest = newest_attempt(run)
    assert newest == Attempt(run.attempts / "2.json", 2)
    assert heartbeat_age_s(newest) is not None
    assert begin_attempt(run).number == 3


def test_what_is_no_record_in_the_folder_is_left_alone(run: RunDir) -> None:
    begin_attempt(run)
    for name in ("0.json", "-1.json", "02.json", "3.txt", ".4.json", "x.json", "٣.json"):
        (run.attempts / name).write_text("{}")
    (run.attempts / "2.json").mkdir()
    os.mkfifo(run.attempts / "3.json")
    os.symlink("/dev/zero", run.attempts / "4.json")
    assert [one.number for one in read_attempts(run)] == [1, 2, 3, 4]
    assert [one.pid for one in read_attempts(run)] == [os.getpid(), None, None, None]
    assert begin_attempt(run).number == 5


def test_where_the_system_tells_nothing_an_attempt_begins_all_the_same(
    run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "PROC", tmp_path / "no-proc")
    attempt = begin_attempt(run)
    assert (attempt.boot_id, attempt.pid_started, attempt.pid_namespace) == (None, None, None)
    assert (attempt.memory_limit_mib, attempt.oom_kills) == (None, None)
    assert process_of(attempt) == "alive"
    assert newest_attempt(run) == attempt


@pytest.mark.parametrize("version", [1, 2])
def test_the_memory_limit_is_the_smallest_of_machine_and_control_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    monkeypatch.setattr(machine, "PROC", proc)
    monkeypatch.setattr(machine, "CGROUP", groups)
    file, controllers, root = {
        1: ("memory.limit_in_bytes", "memory", groups / "memory"),
        2: ("memory.max", "", groups),
    }[version]
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal:        8388608 kB\nMemFree:   1 kB\n")
    (proc / "self" / "cgroup").write_text(f"3:cpu:/other\n0:{controllers}:/pool/job\n")
    (root / "pool" / "job").mkdir(parents=True)
    assert machine.memory_limit_mib() == 8192
    (root / "pool" / "job" / file).write_text("max\n" if version == 2 else f"{2**63 - 4096}\n")
    assert machine.memory_limit_mib() == 8192
    (root / "pool" / file).write_text(f"{2**31}\n")
    assert machine.memory_limit_mib() == 2048


def test_the_name_of_a_process_does_not_confuse_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = " ".join(["S", *map(str, range(4, 53))])
    (tmp_path / "77").mkdir()
    (tmp_path / "77" / "stat").write_text(f"77 (a) Z 1 (b)) {fields}\n")
    monkeypatch.setattr(machine, "PROC", tmp_path)
    assert machine.process_start(77) == 22
