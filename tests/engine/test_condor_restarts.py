"""Runs that HTCondor starts again on a real pool, whatever has changed between two starts."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.facts import RunDir, machine, read_events
from engine.facts.attempts import read_attempts
from engine.launch.condor.client import Condor
from engine.launch.condor.jobs import submit
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.record import amend_record, read_job
from engine.launch.resources import Resources
from engine.library.index import summarise
from tests.engine.condor_pool import Pool
from tests.engine.launching import wait_until

pytestmark = pytest.mark.slow

SLOW_TO_SAVE = """\
import itertools, signal, time
from pathlib import Path
from engine.errors import Stopped
from engine.facts import append_jsonl_event, build_event_payload

def tell(moment, **more):
    append_jsonl_event(".", build_event_payload(moment, ".", **more))

def train(cfg):
    signals = []
    signal.signal(signal.SIGTERM, lambda *_: signals.append(1))
    tell("on_start")
    for epoch in itertools.count():
        tell("on_epoch_end", epoch=epoch)
        if Path("stop").exists() or signals:
            break
        time.sleep(0.1)
    time.sleep(15 if signals else 0)
    tell("on_train_end", stopped=True)
    if signals:
        raise Stopped(15)
"""
SMALL = Resources(memory="10MB", disk="1MB", max_vacate_time=60)


@pytest.fixture
def condor(pool: Pool, own_folder: Path) -> Iterator[Condor]:
    (own_folder / "slow_loop.py").write_text(SLOW_TO_SAVE)
    with Condor() as asked:
        yield asked
        asked.act("remove", "true", "the test is over")


def submitted(condor: Condor, name: str, *words: str, **more: tuple[Path, ...]) -> JobHandle:
    own = ("loop=slow_loop:train", "logging.make_plots=false", *words)
    place = Path("outputs", "runs", name).absolute()
    return submit(JobSpec(own, place, target=HTCONDOR, **more), SMALL, condor)  # type: ignore[arg-type]


def begun(job: JobHandle, times: int = 1) -> bool:
    return len(read_events(job.directory).of("on_start")) == times


def test_a_job_that_is_started_while_it_still_saves_goes_on_once_it_has(
    pool: Pool, condor: Condor
) -> None:
    job = submitted(condor, "run")
    wait_until(lambda: begun(job), 120)
    first = read_attempts(RunDir(job.directory))[0]
    assert first.pid is not None
    shadow = pool.process("schedd")
    (child,) = [
        int(one.name)
        for one in Path("/proc").iterdir()
        if one.name.isdecimal()
        and machine.stat_fields(int(one.name))[1:2] == [str(shadow)]
        and (one / "comm").read_text().strip() == "condor_shadow"
    ]
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: begun(job, 2), 180)
    assert not machine.process_exists(first.pid)
    moments = [one["moment"] for one in read_events(job.directory).records]
    assert moments.index("on_train_end") < len(moments) - 1 - moments[::-1].index("on_start")
    RunDir(job.directory).stop.touch()
    wait_until(lambda: summarise(str(job.directory)).state == "stopped", 60)


def test_what_is_trained_was_submitted_whatever_is_edited_meanwhile(
    pool: Pool, condor: Condor, own_folder: Path
) -> None:
    folder = own_folder / "mine"
    group = folder / "phase1" / "experiment" / "mine.yaml"
    group.parent.mkdir(parents=True)
    group.write_text("# @package _global_\nphase1:\n  trainer:\n    lr: 0.002\n")
    words = ("phase1/experiment=mine",)
    runs = submitted(condor, "run", *words, config_dirs=(folder,))
    wait_until(lambda: begun(runs), 120)
    waits = submitted(condor, "waits", *words, config_dirs=(folder,))
    group.write_text(group.read_text().replace("0.002", "0.07"))
    pool.call("condor_vacate_job", runs.job_id or "")
    wait_until(lambda: begun(runs, 2) and begun(waits), 180)
    for job in (runs, waits):
        assert "lr: 0.002" in (job.directory / ".hydra" / "config.yaml").read_text()
        RunDir(job.directory).stop.touch()
    wait_until(lambda: not condor.query("true", ["ClusterId"]), 60)
    assert [summarise(str(job.directory)).state for job in (runs, waits)] == ["stopped"] * 2


def test_a_run_that_is_to_stop_and_is_sent_away_does_not_go_on(pool: Pool, condor: Condor) -> None:
    job = submitted(condor, "run")
    wait_until(lambda: begun(job), 120)
    pool.call("condor_vacate_job", job.job_id or "")
    RunDir(job.directory).stop.touch()
    wait_until(lambda: not condor.query("true", ["ClusterId"]), 180)
    assert begun(job)
    told = read_job(job.path)
    assert told is not None
    assert (told.state, told.exit_code) == ("ended", 0)


def test_what_keeps_a_job_from_its_training_is_told(
    condor: Condor, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    condor.ping()  # whose helper needs an interpreter that is there
    with monkeypatch.context() as patch:
        patch.setattr("sys.executable", "/data/nope/bin/python")
        no_python = submitted(condor, "no_python")
    no_folder = submitted(condor, "no_folder")
    gone = str(own_folder / "gone")
    assert amend_record(no_folder.path, no_folder.id, cwd=gone)
    wait_until(lambda: not condor.query("true", ["ClusterId"]), 180)
    told = [summarise(str(job.directory)).sentence or "" for job in (no_python, no_folder)]
    assert told[0].startswith("failed: ")
    assert "/data/nope/bin/python" in told[0]
    assert told[1].startswith(f"failed: {gone} is not there on ")
