"""What a run is doing is told from evidence: a table of situations and their whole sentences."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import FactsError
from engine.facts import RunDir, machine
from engine.facts.attempts import Attempt, begin_attempt, newest_attempt
from engine.facts.evidence import Evidence
from engine.facts.job_report import JobReport
from engine.facts.last_seen import LastSeen
from engine.facts.state import STATES, judge, run_state
from engine.facts.text import plain
from engine.facts.verdict import CUT_OFF, RunState
from engine.facts.words import in_words

NOW = 2_000_000_000.0
MINUTE, HOUR = 60, 3600

Step = Callable[["Scene"], None]


class Scene:
    """A run directory, and the machine that looks at it."""

    def __init__(self, path: Path, gone_pid: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.run = RunDir(path)
        self.gone_pid = gone_pid
        self.monkeypatch = monkeypatch
        self.begun = dataclasses.asdict(begin_attempt(RunDir(path / "template")))
        self.begun |= {"path": "", "run_dir": os.path.realpath(path)}

    def put(self, path: Path, text: str, age: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (NOW - age, NOW - age))


def claimed(age: float) -> Step:
    """The run took its directory."""

    def step(scene: Scene) -> None:
        scene.run.facts.mkdir()
        os.utime(scene.run.facts, (NOW - age, NOW - age))

    return step


def events(age: float, text: str = "{}\n") -> Step:
    """The last event was written."""
    return lambda scene: scene.put(scene.run.events, text, age)


def attempt(age: float, number: int = 1, **fields: Any) -> Step:
    """A start in this very process, but for `fields`; its last heartbeat is `age` old."""

    def step(scene: Scene) -> None:
        record = scene.begun | {"attempt": number, "events_size": 0} | fields
        if record["pid"] == "gone":
            record["pid"] = scene.gone_pid
        scene.put(scene.run.attempts / f"{number}.json", json.dumps(record), age)

    return step


def launched(age: float, **fields: Any) -> Step:
    """A launcher wrote its record."""
    record = {"state": "queued", "target": "htcondor"} | fields
    return lambda scene: scene.put(scene.run.launch, json.dumps(record), age)


def launched_here(age: float, **fields: Any) -> Step:
    """A launcher here wrote the record of the process that started this one, but for `fields`."""

    def step(scene: Scene) -> None:
        pid = fields.get("pid", os.getppid())
        started = {} if pid == "gone" else {"pid_started": machine.process_start(pid)}
        record = scene.begun | {"pid": pid} | started | fields
        record["pid"] = scene.gone_pid if pid == "gone" else pid
        del record["events_size"]  # of an attempt
        launched(age, **({"state": "running", "target": "local"} | record))(scene)

    return step


def raw(name: str, text: str, age: float = 5) -> Step:
    """Some file of the run."""
    return lambda scene: scene.put(scene.run.path / name, text, age)


def machine_says(name: str, value: object) -> Step:
    return lambda scene: scene.monkeypatch.setattr(machine, name, lambda: value)


def on_other(age: float, number: int = 1, **fields: Any) -> Step:
    return attempt(age, number, **({"host": "stbc-9", "boot_id": "other", "pid": 55} | fields))


def attempts_begun(age: float) -> Step:
    """The folder of the attempts has this age: nothing was begun in it since."""
    return lambda scene: os.utime(scene.run.attempts, (NOW - age, NOW - age))


def original(age: float, **fields: Any) -> Step:
    """The directory where the attempt began is there too, its last heartbeat `age` old."""

    def step(scene: Scene) -> None:
        there = scene.run.path.with_name("original")
        record = {"attempt": 1, "events_size": 0, "run_dir": str(there)} | fields
        record = scene.begun | {"host": "stbc-9", "boot_id": "other", "pid": 55} | record
        if record["pid"] == "own":
            record |= {name: scene.begun[name] for name in ("host", "boot_id", "pid")}
        text = json.dumps(record)
        scene.put(there / "attempts" / "1.json", text, age)
        scene.put(scene.run.attempts / "1.json", text, 3)

    return step


def mounted_twice(scene: Scene) -> None:
    """The path where the attempt began leads to the same directory."""
    path = scene.run.attempts / "1.json"
    there = scene.run.path.with_name("mounted")
    (there / "attempts").mkdir(parents=True)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"run_dir": str(there)}))
    os.utime(path, (NOW - 8, NOW - 8))
    os.link(path, there / "attempts" / "1.json")


def at(told: float, written: float, **more: Any) -> LastSeen:
    """An epoch's event of so long ago, in a file that was written so long ago."""
    return dataclasses.replace(EPOCH, at=NOW - told, written=NOW - written, **more)


OF_A_COPY = (
    "no event for 3 h, usually every 40 s; its files are younger than that, as those of a copy "
    "are, and nothing trains here"
)
NOTHING = LastSeen()
EPOCH = LastSeen("on_epoch_end", usual_gap_s=40)
DONE = LastSeen("on_train_end", epochs_done=20, epochs=20, usual_gap_s=40)
STOPPED = LastSeen("on_train_end", stopped=True, epochs_done=5, epochs=20)
FAILED = LastSeen("on_exception", error="TrainingError: the loss is nan\n  Lower the rate.")
MEMORY_REASON = "Job has gone over cgroup memory limit of 2048 megabytes"


@dataclass(frozen=True)
class Situation:
    """What there is, and what it should be told as."""

    steps: list[Step]
    seen: LastSeen
    job: JobReport | None
    told: RunState | None = None

    def gives(self, state: str, sentence: str, cause: str | None = None) -> Situation:
        return dataclasses.replace(self, told=RunState(state, sentence, cause))


def when(steps: list[Step], seen: LastSeen = NOTHING, job: JobReport | None = None) -> Situation:
    return Situation(steps, seen, job)


SITUATIONS: dict[str, Situation] = {
    # what was made before anything began
    "just claimed": when([claimed(3)]).gives("running", "no event yet, 3 s after its start"),
    "claimed long ago": when([claimed(3 * HOUR)]).gives(
        "lost", "no event yet, 3 h after its start"
    ),
    "queued by the launch record": when([launched(20)]).gives("queued", "queued"),
    "queued in a directory that was claimed": when([claimed(20), launched(19)]).gives(
        "queued", "queued"
    ),
    "queued, says the launcher": when(
        [claimed(5), launched(20)], job=JobReport("queued", "no machine has a free GPU")
    ).gives("queued", "queued: no machine has a free GPU"),
    "held with a reason": when(
        [launched(20, state="held", reason="Failed to send\x1b[31m file(s)\nto 10.0.0.1")]
    ).gives("held", "held: Failed to send file(s)"),
    "held for its memory": when(
        [launched(900), on_other(80), events(80)], EPOCH, JobReport("held", MEMORY_REASON)
    ).gives("held", f"held after attempt 1: {MEMORY_REASON}", "out of memory"),
    "launched, not begun yet": when([launched(5, state="running", target="local")]).gives(
        "running", "no event yet, 5 s after its start"
    ),
    "launched, never begun": when([launched(2 * HOUR, state="running", target="local")]).gives(
        "lost", "no event yet, 2 h after its start"
    ),
    # its process was launched on this machine, and has not begun
    "launched, its process is alive": when([launched_here(5)]).gives(
        "running", "starting; process {ppid} is alive"
    ),
    "launched, the directory taken, its process is alive": when(
        [claimed(3 * HOUR), launched_here(3 * HOUR)]
    ).gives("running", "starting; process {ppid} is alive"),
    "launched, its process is gone": when([claimed(5), launched_here(5, pid="gone")]).gives(
        "lost",
        "launched, and ended before it began; process {gone} on this host is gone; probably killed",
        "killed",
    ),
    "launched, the machine was restarted": when([launched_here(5, boot_id="before")]).gives(
        "lost",
        "launched, and ended before it began; this host was restarted",
        "machine restarted",
    ),
    "launched on another machine": when([launched_here(5, host="stbc-9", boot_id="other")]).gives(
        "running", "no event yet, 5 s after its start"
    ),
    "launched, and its training has begun": when([launched_here(9), attempt(4), events(3)]).gives(
        "running", "last event 3 s ago; process {pid} is alive"
    ),
    "launched, begun, and killed": when(
        [launched_here(9, pid="gone"), attempt(8, pid="gone", pid_started=None), events(3)], EPOCH
    ).gives(
        "lost", "last event 3 s ago; process {gone} on this host is gone; probably killed", "killed"
    ),
    "launched, and looked at by itself": when(
        [claimed(5), launched_here(5, pid=os.getpid())]
    ).gives("running", "no event yet, 5 s after its start"),
    "ended by a mistake": when(
        [claimed(5), launched_here(3, state="ended", exit_code=2, reason="lr=x: must be a number")]
    ).gives("failed", "failed: lr=x: must be a number"),
    "gone and launched again": when(
        [attempt(HOUR, pid="gone"), events(HOUR), launched_here(5)], EPOCH
    ).gives("running", "starting; process {ppid} is alive"),
    "finished and launched again, its process is alive": when(
        [events(HOUR), attempt(HOUR, pid="gone"), launched_here(5)], DONE
    ).gives("running", "starting; process {ppid} is alive"),
    "finished and launched again, its process is gone": when(
        [events(HOUR), attempt(HOUR, pid="gone", pid_started=1), launched_here(5, pid="gone")], DONE
    ).gives("finished", "finished 20 epochs; a later start came to nothing"),
    # its process is on this machine
    "started and alive": when([attempt(4), events(12)], EPOCH).gives(
        "running", "last event 12 s ago; process {pid} is alive"
    ),
    "started, no event yet": when([attempt(4)]).gives(
        "running", "no event yet; process {pid} is alive"
    ),
    "alive but quiet": when([attempt(4), events(14 * MINUTE)], EPOCH).gives(
        "running", "no event for 14 min, usually every 40 s; process {pid} is alive"
    ),
    "alive, a little later than usual": when([attempt(4), events(145)], EPOCH).gives(
        "running", "last event 2 min ago; process {pid} is alive"
    ),
    "alive, much later than usual": when([attempt(4), events(155)], EPOCH).gives(
        "running", "no event for 3 min, usually every 40 s; process {pid} is alive"
    ),
    "killed": when([attempt(14 * MINUTE, pid="gone"), events(14 * MINUTE)], EPOCH).gives(
        "lost",
        "no event for 14 min, usually every 40 s; process {gone} on this host is gone; "
        "probably killed",
        "killed",
    ),
    "killed a moment ago": when([attempt(2, pid="gone"), events(3)], EPOCH).gives(
        "lost", "last event 3 s ago; process {gone} on this host is gone; probably killed", "killed"
    ),
    "killed while the system ended processes for lack of memory": when(
        [attempt(30, pid="gone", oom_kills=2), events(30), machine_says("oom_kills", 3)], EPOCH
    ).gives(
        "lost",
        "last event 30 s ago; process {gone} on this host is gone; probably out of memory",
        "out of memory",
    ),
    "killed near its memory limit": when(
        [attempt(30, pid="gone", memory_limit_mib=1000, oom_kills=None), events(30)],
        dataclasses.replace(EPOCH, memory_mib=901.0),
    ).gives(
        "lost",
        "last event 30 s ago; process {gone} on this host is gone; probably out of memory",
        "out of memory",
    ),
    "the machine was restarted": when(
        [attempt(300, boot_id="before"), events(300), machine_says("uptime_s", 100.0)], EPOCH
    ).gives(
        "lost",
        "no event for 5 min, usually every 40 s; this host was restarted",
        "machine restarted",
    ),
    "a namesake beats since this machine started": when(
        [attempt(8, boot_id="other"), events(12), machine_says("uptime_s", 100.0)], EPOCH
    ).gives("running", "last event 12 s ago; {host} gave a sign of life 8 s ago"),
    "the process id is another's": when([attempt(30, pid_started=1), events(30)], EPOCH).gives(
        "lost",
        "last event 30 s ago; process {pid} on this host is gone, and its id is another's; "
        "probably killed",
        "killed",
    ),
    "in a container with ids of its own": when(
        [attempt(8, pid="gone", pid_namespace="pid:[1]"), events(12)], EPOCH
    ).gives("running", "last event 12 s ago; {host} gave a sign of life 8 s ago"),
    "asked to stop": when([attempt(4), events(12), raw("stop", "")], EPOCH).gives(
        "running", "last event 12 s ago; process {pid} is alive; asked to stop"
    ),
    "directory copied while it trained": when(
        [attempt(HOUR, run_dir="/data/runs/old"), events(HOUR)], EPOCH
    ).gives(
        "lost",
        "no event for 60 min, usually every 40 s; the directory was moved or copied from "
        "/data/runs/old, where process {pid} trains",
    ),
    "seen under another path while it trains": when(
        [attempt(4, run_dir="/mnt/elsewhere"), events(12)], EPOCH
    ).gives("running", "last event 12 s ago; process {pid} is alive"),
    "copied with new times, from another machine": when(
        [on_other(2, started="2033-05-17T20:33:20+00:00"), events(2), attempts_begun(3)],
        at(3 * HOUR, 2),
    ).gives("lost", OF_A_COPY),
    "copied with new times, says the launcher that its job runs": when(
        [on_other(2, started="2033-05-17T20:33:20+00:00"), events(2), attempts_begun(3)],
        at(3 * HOUR, 2),
        JobReport("running", host="stbc-9"),
    ).gives("lost", OF_A_COPY),
    "copied with new times, and launched again": when(
        [
            on_other(9, started="2033-05-17T20:33:20+00:00"),
            events(9),
            attempts_begun(9),
            launched(2),
        ],
        at(3 * HOUR, 9),
    ).gives("queued", "queued again after attempt 1"),
    "copied on the machine on which it was killed": when(
        [attempt(2, pid="gone", started="2033-05-17T20:33:20+00:00"), events(2), attempts_begun(3)],
        at(3 * HOUR, 2),
    ).gives("lost", OF_A_COPY),
    "copied from where it still is on record": when([original(2 * MINUTE), events(2)], EPOCH).gives(
        "lost",
        "last event 2 s ago; the directory was copied from {original}, and nothing trains here",
    ),
    "copied from where it trains on this machine": when(
        [original(9, pid="own"), events(2)], EPOCH
    ).gives(
        "lost",
        "last event 2 s ago; the directory was moved or copied from {original}, where process "
        "{pid} trains",
    ),
    "the same directory under the path of another machine": when(
        [on_other(8), mounted_twice, events(12)], EPOCH
    ).gives("running", "last event 12 s ago; stbc-9 gave a sign of life 8 s ago"),
    "a path that is not known on this machine": when(
        [on_other(8, run_dir="/nfs/of/another/machine"), events(12)], EPOCH
    ).gives("running", "last event 12 s ago; stbc-9 gave a sign of life 8 s ago"),
    "the clock of the machine that trains is an hour behind its files": when(
        [on_other(8, started="2033-05-18T02:23:20+00:00"), events(12), attempts_begun(610)],
        at(HOUR + 12, 12),
    ).gives(
        "running",
        "no event for 60 min, usually every 40 s; stbc-9 gave a sign of life 8 s ago",
    ),
    "events cut off after it had ended": when(
        [
            on_other(3 * HOUR, started="2033-05-18T00:23:20+00:00"),
            events(5),
            attempts_begun(4 * HOUR),
        ],
        at(3 * HOUR, 5),
    ).gives("lost", OF_A_COPY),
    "events emptied after it had ended": when(
        [on_other(3 * HOUR), events(5, ""), attempts_begun(4 * HOUR)]
    ).gives(
        "lost",
        "no event yet; stbc-9 is gone or cut off, its last sign of life 3 h ago",
        "node gone",
    ),
    "two writers": when(
        [on_other(5), attempt(4, 2, started="2033-05-18T03:30:00+00:00"), events(12)], EPOCH
    ).gives(
        "running",
        "last event 12 s ago; process {pid} is alive; two writers: attempt 1 (process 55 on "
        "stbc-9) is alive as well",
    ),
    "two writers, the older one on this machine": when(
        [attempt(5), on_other(4, 2), events(12)], EPOCH
    ).gives(
        "running",
        "last event 12 s ago; stbc-9 gave a sign of life 4 s ago; two writers: attempt 1 "
        "(process {pid} on {host}) is alive as well",
    ),
    "the older start lives, the newer one is gone": when(
        [on_other(5), attempt(9, 2, pid="gone", started="2033-05-18T03:30:00Z"), events(12)], EPOCH
    ).gives(
        "running",
        "last event 12 s ago; process {gone} on this host is gone; two writers: attempt 1 "
        "(process 55 on stbc-9) is alive as well",
    ),
    "the older start was killed just before the newer one began": when(
        [on_other(20), attempt(4, 2, started="2033-05-18T03:33:05+00:00"), events(12)], EPOCH
    ).gives("running", "last event 12 s ago; process {pid} is alive"),
    "attempt file damaged": when([raw("attempts/1.json", '{"pid": [', 8), events(12)], EPOCH).gives(
        "running", "last event 12 s ago; its machine gave a sign of life 8 s ago"
    ),
    "attempt with a process id that is none": when([attempt(8, pid=-1), events(12)], EPOCH).gives(
        "running", "last event 12 s ago; {host} gave a sign of life 8 s ago"
    ),
    "events hidden while it lives": when([attempt(4), raw("facts", "no folder")]).gives(
        "running", "no event that can be read; process {pid} is alive"
    ),
    # the facts say how it ended
    "finished": when([attempt(HOUR, pid="gone"), events(HOUR)], DONE).gives(
        "finished", "finished 20 epochs"
    ),
    "finished and tested, with a process that still lives": when(
        [attempt(4), events(2)], LastSeen("on_train_end", epochs_done=1)
    ).gives("finished", "finished 1 epoch"),
    "stopped": when([events(HOUR)], STOPPED).gives("stopped", "stopped after 5 of 20 epochs"),
    "failed": when(
        [events(HOUR), launched(2 * HOUR)], FAILED, JobReport("ended", exit_code=1)
    ).gives("failed", "failed: TrainingError: the loss is nan"),
    "failed and started again": when([events(HOUR), attempt(4, 2, events_size=3)], FAILED).gives(
        "running", "no event since it was started again; process {pid} is alive"
    ),
    "failed, and a restart that never wrote": when(
        [events(HOUR), attempt(50, 2, events_size=3, pid="gone")], FAILED
    ).gives("failed", "failed: TrainingError: the loss is nan; a later start came to nothing"),
    "finished and launched again": when(
        [events(HOUR), attempt(HOUR, pid="gone"), launched(60)], DONE
    ).gives("queued", "queued"),
    "finished and launched again, not begun yet": when(
        [events(HOUR), attempt(HOUR, pid="gone"), launched(60, state="running")], DONE
    ).gives("running", "no event yet, 60 s after its start"),
    "finished, and a launcher that noted late that it runs": when(
        [events(HOUR), launched(60, state="running", kind="run")], DONE
    ).gives("finished", "finished 20 epochs"),
    "stopped, and launched again by a machine whose clock is slow": when(
        [events(60), launched(50, kind="resume", submitted="2033-05-18T00:00:00+00:00")], STOPPED
    ).gives("queued", "queued"),
    "stopped, and launched again where the times of files are of whole seconds": when(
        [events(60), launched(60, kind="resume", events_size=3)], STOPPED
    ).gives("queued", "queued"),
    "stopped again, and a launcher that noted late that it runs": when(
        [events(60), launched(50, kind="resume", state="running", events_size=2)], STOPPED
    ).gives("stopped", "stopped after 5 of 20 epochs"),
    # on another machine
    "on another machine": when([on_other(8), events(12)], EPOCH).gives(
        "running", "last event 12 s ago; stbc-9 gave a sign of life 8 s ago"
    ),
    "on another machine, just begun and quiet": when(
        [on_other(110), events(115)], LastSeen("on_start")
    ).gives("running", "last event 2 min ago; stbc-9 gave a sign of life 2 min ago"),
    "on another machine, just begun and silent": when(
        [on_other(125), events(125)], LastSeen("on_start")
    ).gives(
        "lost",
        "last event 2 min ago; stbc-9 is gone or cut off, its last sign of life 2 min ago",
        "node gone",
    ),
    "on another machine, quiet but beating": when([on_other(8), events(14 * MINUTE)], EPOCH).gives(
        "running", "no event for 14 min, usually every 40 s; stbc-9 gave a sign of life 8 s ago"
    ),
    "on another machine, silent for three of its slow epochs": when(
        [on_other(3 * HOUR), events(3 * HOUR)], dataclasses.replace(EPOCH, usual_gap_s=2 * HOUR)
    ).gives("running", "last event 3 h ago; stbc-9 gave a sign of life 3 h ago"),
    "on another machine, silent": when([on_other(20 * MINUTE), events(20 * MINUTE)], EPOCH).gives(
        "lost",
        "no event for 20 min, usually every 40 s; stbc-9 is gone or cut off, its last sign of "
        "life 20 min ago",
        "node gone",
    ),
    "on another machine, silent, but the job runs": when(
        [on_other(20 * MINUTE), events(20 * MINUTE)], EPOCH, JobReport("running", host="stbc-9")
    ).gives("running", "no event for 20 min, usually every 40 s; its job is running on stbc-9"),
    "the clock of the machine that trains is an hour ahead": when(
        [on_other(8, started="2033-05-18T04:33:00+00:00"), events(12)], EPOCH
    ).gives("running", "last event 12 s ago; stbc-9 gave a sign of life 8 s ago"),
    "the clock of the machine that trains is an hour behind": when(
        [on_other(8, started="2033-05-18T02:33:00+00:00"), events(12)], EPOCH
    ).gives("running", "last event 12 s ago; stbc-9 gave a sign of life 8 s ago"),
    "the clock here is an hour behind the files": when(
        [on_other(-2 * HOUR), events(-2 * HOUR)], EPOCH
    ).gives(
        "running",
        "last event 0 s ago; stbc-9 gave a sign of life 0 s ago; the clock here is 2 h behind "
        "that of the files",
    ),
    "the clock here is an hour ahead, but the process is alive": when(
        [attempt(HOUR), events(HOUR)], EPOCH
    ).gives("running", "no event for 60 min, usually every 40 s; process {pid} is alive"),
    # a loop that keeps no record of its attempts
    "without attempts": when([events(50)], EPOCH).gives("running", "last event 50 s ago"),
    "without attempts, silent": when([events(HOUR)], EPOCH).gives(
        "lost", "no event for 60 min, usually every 40 s"
    ),
    # what the launcher says
    "evicted and queued again": when(
        [launched(HOUR), on_other(70), events(70)], EPOCH, JobReport("queued", "evicted")
    ).gives("queued", "queued again after attempt 1: evicted"),
    "queued, but somebody trains": when(
        [launched(HOUR), on_other(8), events(12)], EPOCH, JobReport("queued")
    ).gives("running", "last event 12 s ago; stbc-9 gave a sign of life 8 s ago"),
    "gone, and its record says that it was launched again": when(
        [attempt(HOUR, pid="gone"), events(HOUR), launched(60, reason="waits its turn")], EPOCH
    ).gives("queued", "queued again after attempt 1: waits its turn"),
    "job removed": when(
        [launched(HOUR), on_other(70), events(70)],
        EPOCH,
        JobReport("removed", "via condor_rm (by user jan)"),
    ).gives("failed", "failed: removed by jan"),
    "job removed from here": when(
        [on_other(8), events(12)],
        EPOCH,
        JobReport("removed", "removed with engine (by user jan)"),
    ).gives("stopped", "its job was removed with engine (by user jan)"),
    "job removed by the cluster": when(
        [on_other(8), events(12)], EPOCH, JobReport("removed", "SYSTEM_PERIODIC_REMOVE")
    ).gives("failed", "failed: its job was removed: SYSTEM_PERIODIC_REMOVE"),
    "job removed for its memory": when(
        [launched(HOUR), on_other(70), events(70)],
        EPOCH,
        JobReport("removed", "memory usage exceeded request_memory"),
    ).gives("lost", "its job was removed: memory usage exceeded request_memory", "out of memory"),
    "job ended by a signal": when(
        [on_other(8), events(12)], EPOCH, JobReport("ended", signal=9)
    ).gives("lost", "its job was ended by signal 9 (SIGKILL)", "killed"),
    "job crashed, as a shell says it": when(
        [on_other(8), events(12)], EPOCH, JobReport("ended", exit_code=139)
    ).gives("lost", "its job was ended by signal 11 (SIGSEGV)"),
    "job ended before the training began": when(
        [launched(HOUR)], job=JobReport("ended", exit_code=2)
    ).gives("failed", "its job ended with exit code 2"),
    "job ended without a word": when(
        [on_other(8), events(12)], EPOCH, JobReport("ended", exit_code=0)
    ).gives("failed", "failed: ended without finishing"),
    "job ended without a word, near its memory limit": when(
        [on_other(8, memory_limit_mib=1000), events(12)],
        dataclasses.replace(EPOCH, memory_mib=990),
        JobReport("ended"),
    ).gives(
        "lost",
        "its job ended, and its training did not say so, probably out of memory",
        "out of memory",
    ),
    "gone on this host, says the launcher that it runs there": when(
        [attempt(30, pid="gone", host=machine.host_name()), events(30)],
        EPOCH,
        JobReport("running", host=machine.host_name()),
    ).gives(
        "running",
        "last event 30 s ago; process {gone} on this host is gone; "
        "HTCondor has not told what becomes of its job: engine jobs asks",
    ),
    "its node cannot be reached": when(
        [on_other(20 * MINUTE), events(20 * MINUTE)],
        EPOCH,
        JobReport("running", "its node cannot be reached", "stbc-9"),
    ).gives(
        "running",
        "no event for 20 min, usually every 40 s; its job is running on stbc-9;"
        " its node cannot be reached",
        "node cut off",
    ),
    "begun again on another machine": when(
        [attempt(30, pid="gone"), events(30)], EPOCH, JobReport("running", host="stbc-9")
    ).gives("running", "last event 30 s ago; its job is running on stbc-9"),
    # damaged or hostile records
    "launch record is garbage": when(
        [raw("launch.json", "\x00{]"), attempt(4), events(12)], EPOCH
    ).gives("running", "last event 12 s ago; process {pid} is alive"),
    "launch record with entries of wrong types": when(
        [launched(20, state=["queued"], reason={}), claimed(30)]
    ).gives("running", "no event yet, 30 s after its start"),
    "an error that writes to the terminal": when(
        [events(HOUR)], LastSeen("on_exception", error="\x1b]0;title\x07ValueError: " + 300 * "x")
    ).gives("failed", "failed: ValueError: " + 187 * "x" + "…"),
}


@pytest.fixture(scope="module")
def gone_pid() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.fixture
def scene(tmp_path: Path, gone_pid: int, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """An empty run directory."""
    path = tmp_path / "run"
    path.mkdir()
    return Scene(path, gone_pid, monkeypatch)


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_situation_has_this_state_and_sentence(name: str, scene: Scene) -> None:
    situation = SITUATIONS[name]
    for step in situation.steps:
        step(scene)
    assert situation.told is not None
    words = {
        "pid": os.getpid(),
        "ppid": os.getppid(),
        "gone": scene.gone_pid,
        "host": machine.host_name(),
    }
    words["original"] = str(scene.run.path.with_name("original"))
    told = dataclasses.replace(situation.told, sentence=situation.told.sentence.format(**words))
    assert run_state(scene.run, situation.seen, situation.job, NOW) == told


def test_every_state_occurs_in_the_table() -> None:
    assert {case.told.state for case in SITUATIONS.values() if case.told} == set(STATES)


# --- with real processes and directories


def seen_of(run: RunDir, moment: str | None = "on_epoch_end") -> RunState:
    return run_state(run, LastSeen(moment, usual_gap_s=5))


@pytest.fixture
def training(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that began an attempt in `run` and waits."""
    code = (
        "import sys; from pathlib import Path; from engine.facts import RunDir;"
        "from engine.facts.attempts import begin_attempt;"
        "begin_attempt(RunDir(Path('run'))); print('begun', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "begun\n"
        yield process
        process.kill()


def test_a_real_process_is_running_until_it_is_killed(
    tmp_path: Path, training: subprocess.Popen[str]
) -> None:
    run = RunDir(tmp_path / "run")
    assert seen_of(run, None) == RunState(
        "running", f"no event yet; process {training.pid} is alive"
    )
    training.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, training.pid, os.WEXITED | os.WNOWAIT)  # it ended, nobody has reaped it
    lost = RunState(
        "lost",
        f"no event yet; process {training.pid} on this host is gone; probably killed",
        "killed",
    )
    assert seen_of(run, None) == lost
    training.wait()
    assert seen_of(run, None) == lost


def test_a_moved_directory_says_so_and_a_copy_does_not_pass_for_running(
    tmp_path: Path, training: subprocess.Popen[str]
) -> None:
    moved = RunDir((tmp_path / "run").rename(tmp_path / "moved"))
    attempt = newest_attempt(moved)
    assert attempt is not None
    os.utime(attempt.path, (1000, 1000))
    told = seen_of(moved, None)
    assert told.state == "lost"
    where = tmp_path / "run"
    assert told.sentence.endswith(f"from {where}, where process {training.pid} trains")


def test_what_is_no_run_directory_is_told_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(FactsError, match="No such file"):
        seen_of(RunDir(tmp_path / "nowhere"), None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FactsError, match="is no run directory"):
        seen_of(RunDir(tmp_path / "empty"), None)
    (tmp_path / "empty" / "launch.json").write_text("{")
    with pytest.raises(FactsError, match=r"launch\.json is damaged"):
        seen_of(RunDir(tmp_path / "empty"), None)


def test_events_that_cannot_be_read_are_never_a_lost_run(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    events(HOUR)(scene)
    attempt(HOUR, pid="gone")(scene)
    assert run_state(scene.run, LastSeen(), None, NOW).state == "lost"
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: False)
        with pytest.raises(FactsError, match=r"cannot read .*events\.jsonl: Permission denied"):
            run_state(scene.run, LastSeen(), None, NOW)
    scene.run.events.unlink()
    scene.run.events.mkdir()
    with pytest.raises(FactsError, match="it is no file"):
        run_state(scene.run, LastSeen(), None, NOW)


# --- whatever the files hold

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
records = st.dictionaries(
    st.sampled_from([field.name for field in dataclasses.fields(Attempt)])
    | st.sampled_from(["state", "reason", "target", "submitted", "exit_code", "signal"]),
    anything | st.sampled_from(["queued", "running", "held", "ended", machine.host_name()]),
)


@settings(max_examples=150, deadline=None)
@given(
    attempt=records.map(json.dumps) | st.text(),
    launch=records.map(json.dumps) | st.text(),
    moment=st.sampled_from([None, "on_start", "on_train_end", "on_exception", "x"]),
    gap=st.none() | st.floats(),
)
def test_no_content_of_a_record_makes_it_raise(
    tmp_path_factory: pytest.TempPathFactory,
    attempt: str,
    launch: str,
    moment: str | None,
    gap: float | None,
) -> None:
    run = RunDir(tmp_path_factory.mktemp("run"))
    run.attempts.mkdir()
    (run.attempts / "1.json").write_text(attempt, errors="replace")
    run.launch.write_text(launch, errors="replace")
    told = run_state(run, LastSeen(moment, usual_gap_s=gap))
    assert told.state in STATES
    assert told.sentence == plain(told.sentence)


ages = st.none() | st.floats(-1e12, 1e12)
jobs = st.builds(
    JobReport,
    st.sampled_from(["queued", "held", "running", "removed", "ended", "?"]),
    st.none() | st.text(),
    exit_code=st.none() | st.integers(),
    signal=st.none() | st.integers(),
)
any_evidence = st.builds(
    Evidence,
    seen=st.builds(LastSeen, st.none() | st.sampled_from(["on_start", "on_train_end"])),
    job=st.none() | jobs,
    attempt=st.just(Attempt(Path("1.json"), 1, "h", 5)),
    process=st.sampled_from(["alive", "gone", "reused", "rebooted", "elsewhere", "unknown"]),
    heartbeat_age_s=ages,
    events_age_s=ages,
    reopened=st.booleans(),
    stop_asked=st.booleans(),
)


@settings(max_examples=300)
@given(any_evidence)
def test_a_judgement_follows_the_strongest_evidence(evidence: Evidence) -> None:
    told = judge(evidence)
    assert told.state in STATES
    ended = evidence.seen.moment == "on_train_end"
    if ended and not evidence.reopened:
        assert told.state == "finished"
    elif evidence.process == "alive":
        assert told.state == "running"
    if told.state == "lost":
        assert evidence.process != "alive"
        assert not ended
    assert told.cause is None or told.state in ("lost", "held") or told.cause == CUT_OFF


def test_times_are_told_in_the_largest_fitting_unit() -> None:
    times = (-5, 0.4, 40, 89, 91, 14 * 60, 5399, 5400, 35 * 3600, 2 * 86400)
    told = ["0 s", "0 s", "40 s", "89 s", "2 min", "14 min", "90 min", "2 h", "35 h", "2 d"]
    assert [in_words(seconds) for seconds in times] == told
