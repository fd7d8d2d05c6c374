"""Runs on a real pool: each is submitted once, trains, and goes on where it was sent away."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.config import draft
from engine.errors import ConfigError, LaunchError
from engine.facts import RunDir, read_events
from engine.facts.attempts import read_attempts
from engine.facts.condor_log import LogReader
from engine.launch.condor import jobs as condor_jobs
from engine.launch.condor.client import Answer, Condor, CouldNotAsk
from engine.launch.condor.doubt import IN_DOUBT_S, submit_again
from engine.launch.condor.following import Following
from engine.launch.condor.jobs import submit
from engine.launch.job import HTCONDOR, JobHandle, JobSpec
from engine.launch.record import read_job
from engine.launch.resources import Resources
from engine.library.index import summarise
from tests.conftest import long_form
from tests.engine.condor_pool import Pool
from tests.engine.launching import LONG, QUICK_LOOP, TINY, wait_until, written_ago
from tests.engine.test_condor_submit import HOSTILE

SMALL = Resources(memory="10MB", disk="1MB")
NEVER = Resources(memory="10MB", disk="1MB", requirements="false")


@pytest.fixture
def condor(pool: Pool) -> Iterator[Condor]:
    with Condor() as asked:
        yield asked
        asked.act("remove", "true", "the test is over")


def spec(*words: str, name: str = "run") -> JobSpec:
    return JobSpec(words, Path("outputs/runs", name).absolute(), target=HTCONDOR)


def state_of(job: JobHandle) -> str | None:
    return summarise(str(job.directory)).state


def is_ended(following: Following, job: JobHandle) -> bool:
    reports, _ = following.look([job])
    return bool(reports) and reports[job.id or ""].state == "ended"


def jobs_of(condor: Condor, job_id: str | None) -> list[dict[str, Any]]:
    return condor.query(f'ThesisRunId =?= "{job_id}"', ["ClusterId", "ProcId"])


def test_a_run_is_submitted_trains_and_is_waited_for(
    condor: Condor, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["launcher.memory=10MB", "launcher.disk=1MB", "launcher.cpus=2"]
    assert main(["submit", *TINY, *words, "--wait"]) == 0
    (path,) = Path("outputs/runs").iterdir()
    job = read_job(path.absolute() / "launch.json")
    assert job is not None
    assert (job.target, job.state, job.exit_code) == ("htcondor", "ended", 0)
    assert job.overrides == ("launcher=htcondor", *TINY, *words)
    summary = summarise(str(job.directory))
    assert (summary.state, summary.epochs_done, summary.launcher) == ("finished", 2, "htcondor")
    assert read_events(path).records[-1]["moment"] == "on_train_end"
    (attempt,) = read_attempts(RunDir(path))
    assert (attempt.job_id, attempt.pid) == (job.job_id, job.pid)
    log = LogReader(path / "job.log")
    log.read()
    assert {one.id: one.exit_code for one in log.jobs.values()} == {job.job_id: 0}
    assert (path / "job.err").read_text() == ""
    assert "[2/2] epoch 1" in (path / "train.log").read_text()
    told = capsys.readouterr()
    assert f"{path.name}: job {job.job_id} of " in told.out
    assert told.err.splitlines()[-1] == "finished 2 epochs"
    assert main(["remove", path.name, "--yes"]) == 0, "nothing of it is strange"
    assert not path.exists()


@pytest.mark.slow
def test_an_evicted_run_saves_and_goes_on_at_its_next_start(pool: Pool, condor: Condor) -> None:
    job = submit(spec(*LONG), SMALL, condor)
    run_dir = RunDir(job.directory)
    wait_until(lambda: run_dir.scalars.exists())
    pool.call("condor_vacate_job", job.job_id or "")
    wait_until(lambda: len(read_attempts(run_dir)) == 2)
    before = len(read_events(run_dir.path).records)
    wait_until(lambda: len(read_events(run_dir.path).records) > before)
    assert state_of(job) == "running"
    run_dir.stop.touch()
    wait_until(lambda: state_of(job) == "stopped")
    records = read_events(run_dir.path).records
    epochs = [record["epoch"] for record in records if record["moment"] == "on_epoch_end"]
    assert epochs == list(range(len(epochs))), "none is missing, none is there twice"
    following = Following(condor, every_s=0)
    wait_until(lambda: is_ended(following, job))
    told = read_job(job.path)
    assert told is not None
    assert (told.state, told.exit_code) == ("ended", 0)


@pytest.mark.slow
def test_a_run_outlives_its_scheduler(pool: Pool, condor: Condor) -> None:
    job = submit(spec(*LONG), SMALL, condor)
    run_dir = RunDir(job.directory)
    wait_until(lambda: run_dir.scalars.exists())
    os.kill(pool.process("schedd"), signal.SIGKILL)
    with pytest.raises(CouldNotAsk):
        jobs_of(condor, job.id)
    assert state_of(job) == "running"

    def answers() -> bool:
        with contextlib.suppress(CouldNotAsk):
            return len(jobs_of(condor, job.id)) == 1
        return False

    wait_until(answers)
    wait_until(lambda: "\n023 (" in run_dir.job_log.read_text())
    before = run_dir.scalars.stat().st_size
    wait_until(lambda: run_dir.scalars.stat().st_size > before)
    assert len(read_attempts(run_dir)) == 1, "it was not started again"
    assert (state_of(job), len(jobs_of(condor, job.id))) == ("running", 1)


def test_a_job_is_held_and_told_so_and_ended_by_htcondor(
    condor: Condor, capsys: pytest.CaptureFixture[str]
) -> None:
    job = submit(spec(*TINY), NEVER, condor)
    condor.act("hold", f'ThesisRunId =?= "{job.id}"', "let others go first")
    wait_until(lambda: state_of(job) == "held")
    assert main(["jobs", "list", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["state"], told["target"]) == ("held", "htcondor")
    assert told["sentence"].startswith("held: let others go first")
    assert main(["jobs", "kill", "last", "--yes"]) == 0
    assert capsys.readouterr().out == "run: ended by HTCondor\n"
    wait_until(lambda: state_of(job) == "stopped")
    assert jobs_of(condor, job.id) == []
    assert main(["kill", "last"]) == 1, "once is enough"


class Deaf(Condor):
    """A scheduler that takes a job and is not heard, or is not heard at all."""

    takes = True

    def submit(self, description: Any) -> Answer:
        if self.takes:
            super().submit(description)
        raise CouldNotAsk("HTCondor's scheduler did not answer within 60 s")


class Deafer(Deaf):
    takes = False


def in_doubt(condor: Condor) -> JobHandle:
    """A job of which it is not known whether HTCondor has it."""
    with pytest.raises(CouldNotAsk, match="whether HTCondor has the job is not known"):
        submit(spec(*TINY), NEVER, condor)
    job = read_job(Path("outputs/runs/run/launch.json").absolute())
    assert job is not None
    assert (job.state, job.job_id, state_of(job)) == ("submitting", None, "queued")
    return job


@pytest.mark.parametrize("logged", [True, False], ids=["log", "queue"])
def test_a_job_that_was_taken_unheard_is_found_and_not_sent_again(
    condor: Condor, logged: bool
) -> None:
    with Deaf() as deaf:
        job = in_doubt(deaf)
    if not logged:
        (job.directory / "job.log").write_text("")
    found = submit_again(job, condor)
    (ad,) = jobs_of(condor, job.id)
    assert (found.state, found.job_id) == ("queued", f"{ad['ClusterId']}.{ad['ProcId']}")
    with pytest.raises(ConfigError, match="no job whose submission is in doubt"):
        submit_again(found, condor)


def test_a_job_that_never_arrived_is_sent_again_once_that_is_certain(
    condor: Condor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Deafer() as deaf:
        job = in_doubt(deaf)
    with pytest.raises(LaunchError, match="may still get it"):
        submit_again(job, condor)
    assert jobs_of(condor, job.id) == []
    written_ago(job.path, IN_DOUBT_S)
    assert main(["submit", "--again", "run"]) == 0
    assert len(jobs_of(condor, job.id)) == 1


SUBMIT_HERE = """\
import sys
from pathlib import Path
from engine.launch.condor.client import Condor
from engine.launch.condor.jobs import submit
from engine.launch.job import HTCONDOR, JobSpec
from engine.launch.resources import Resources
spec = JobSpec((), Path("outputs/runs/run").absolute(), target=HTCONDOR)
print("ready", flush=True)
with Condor() as condor:
    submit(spec, Resources(requirements="false"), condor)
"""


def helpers_here() -> list[str]:
    """Processes that talk to HTCondor and were started in this folder."""
    found = []
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            words = Path("/proc", entry, "cmdline").read_text()
            here = os.readlink(f"/proc/{entry}/cwd") == os.getcwd()
            found += [entry] if here and "condor.helper" in words else []
    return found


@pytest.mark.parametrize("delay_s", [0.0, 0.15, 0.25, *long_form(*(n / 50 for n in range(1, 31)))])
def test_whoever_submits_may_be_killed_at_any_moment(condor: Condor, delay_s: float) -> None:
    with subprocess.Popen([sys.executable, "-c", SUBMIT_HERE], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        threading.Event().wait(delay_s)
        process.kill()
    wait_until(lambda: not helpers_here())
    for path in Path("outputs/runs").glob("*/launch.json"):
        job = read_job(path.absolute())
        assert job is not None
        if job.state == "submitting":
            written_ago(job.path, IN_DOUBT_S)
            submit_again(read_job(job.path) or job, condor)
        assert len(jobs_of(condor, job.id)) == 1
    records = len(list(Path("outputs/runs").glob("*/launch.json")))
    assert len(condor.query("JobStatus =!= 3", ["ClusterId"])) == records


def test_a_job_that_was_removed_meanwhile_is_not_sent_again(condor: Condor) -> None:
    with Deaf() as deaf:
        job = in_doubt(deaf)
    (job.directory / "job.log").write_text("")
    condor.act("remove", f'ThesisRunId =?= "{job.id}"', "no longer wanted")
    wait_until(lambda: not jobs_of(condor, job.id))
    assert submit_again(job, condor).job_id is not None, "it is in the history"
    assert jobs_of(condor, job.id) == []


def test_nothing_is_begun_where_the_scheduler_does_not_answer(pool: Pool) -> None:
    with (
        Condor(deadlines_s={"ping": 0.5}) as condor,
        pool.frozen("schedd"),
        pytest.raises(CouldNotAsk, match="did not answer"),
    ):
        submit(spec(*TINY), SMALL, condor)
    assert not Path("outputs").exists()


def test_a_job_that_htcondor_refuses_leaves_nothing(condor: Condor) -> None:
    wrong = Resources(requirements="a ===")
    with pytest.raises(LaunchError, match="did not take the job"):
        submit(spec(*TINY), wrong, condor)
    assert list(Path("outputs/runs").iterdir()) == []


def test_a_job_that_ended_without_a_log_is_known_from_the_history(
    condor: Condor, own_folder: Path
) -> None:
    (own_folder / "quick_loop.py").write_text(QUICK_LOOP)
    job = submit(spec("loop=quick_loop:train", "logging.make_plots=false"), SMALL, condor)
    wait_until(lambda: state_of(job) == "finished")
    wait_until(lambda: not jobs_of(condor, job.id))
    (job.directory / "job.log").unlink()
    following = Following(condor, every_s=0)
    assert following.look([job]) == ({}, None), "missing once is not yet gone"
    reports, _ = following.look([job])
    report = reports[job.id or ""]
    assert (report.state, report.exit_code) == ("ended", 0)


TELLING_LOOP = """\
import json
from pathlib import Path
from omegaconf import OmegaConf
from engine.facts import append_jsonl_event, build_event_payload

def train(cfg):
    Path("values.json").write_text(json.dumps(list(cfg.hostile)))
    append_jsonl_event(".", build_event_payload("on_train_end", "."))
"""


def test_hostile_values_arrive_in_the_config_of_a_job(condor: Condor, own_folder: Path) -> None:
    (own_folder / "telling_loop.py").write_text(TELLING_LOOP)
    words = (f"+hostile={draft.text_of(list(HOSTILE))}", "loop=telling_loop:train")
    job = submit(spec(*words), SMALL, condor)
    assert job.overrides == words
    wait_until(lambda: state_of(job) == "finished")
    assert json.loads((job.directory / "values.json").read_text()) == list(HOSTILE)
    assert len(HOSTILE) >= 50


def test_all_mistakes_are_told_and_nothing_is_begun(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "launcher.memroy=4GB", "launcher.cpus=many"]) == 2
    told = capsys.readouterr().err
    assert "launcher.memroy: there is no such key (did you mean launcher.memory?)" in told
    assert "launcher.cpus=many: must be a whole number at least 1" in told
    assert not Path("outputs").exists()


def test_the_job_of_a_cluster_is_not_started_by_hand(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = own_folder / "run" / "launch.json"
    entries = {"kind": "run", "id": "abc", "target": "htcondor", "state": "queued"}
    path.parent.mkdir()
    path.write_text(json.dumps(entries))
    assert main(["train", "--launch", str(path)]) == 1
    assert "run was submitted to HTCondor, which has to start it" in capsys.readouterr().err
    assert json.loads(path.read_text()) == entries


def test_a_script_that_cannot_be_executed_is_told_before(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(LaunchError, match=r"train\.sh cannot be executed"):
        condor_jobs.train_script()
