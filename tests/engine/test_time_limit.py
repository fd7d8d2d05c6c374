"""A job whose time is nearly over: it saves, is started again, and gives the same numbers."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli.train import main
from engine.errors import ConfigError
from engine.facts import RunDir, read_events
from engine.facts.attempts import JOB_ID
from engine.facts.job_report import JobReport
from engine.facts.last_seen import LastSeen
from engine.facts.state import Evidence, RunState, judge
from engine.facts.time_limit import MOST_STARTS, REQUEUE, TIME_LIMIT, TimeLimit
from engine.library.index import summarise
from tests.conftest import long_form
from tests.engine.interruptions import facts_of, train

SAME_SEED = "phase1.trainer.seed=7"


class Clock:
    """A process that grows older as a test says."""

    age_s = 0.0

    def __call__(self) -> float:
        return self.age_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def first_near(limit: TimeLimit, clock: Clock, step_s: float) -> float:
    """The age at which it is time to save, where a step takes so long."""
    while not limit.is_near():
        clock.age_s += step_s
    return clock.age_s


@pytest.mark.parametrize(("limit_s", "kept_s"), [(600, 60), (4 * 3600, 300), (96 * 3600, 300)])
def test_a_tenth_of_the_time_is_kept_to_save_in_and_at_most_five_minutes(
    clock: Clock, limit_s: float, kept_s: float
) -> None:
    assert first_near(TimeLimit(limit_s, clock), clock, 1.0) == limit_s - kept_s


def test_more_is_kept_where_a_checkpoint_takes_long(clock: Clock) -> None:
    limit = TimeLimit(3600, clock)
    limit.saved_in(150)
    limit.saved_in(20)
    assert first_near(limit, clock, 1.0) == 3600 - 3 * 150 - 2


def test_more_is_kept_where_a_step_takes_long(clock: Clock) -> None:
    assert first_near(TimeLimit(600, clock), clock, 100.0) == 400


def test_the_clock_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """It began before the training, and before this test."""
    monkeypatch.setenv(TIME_LIMIT, "0.1")
    limit = TimeLimit.of_this_process()
    assert limit is not None
    assert limit.is_near()
    monkeypatch.delenv(TIME_LIMIT)
    assert TimeLimit.of_this_process() is None


@pytest.mark.parametrize("text", ["soon", "-1", "0", "nan", "inf"])
def test_what_is_no_time_is_told(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(TIME_LIMIT, text)
    with pytest.raises(ConfigError, match=r"THESIS_TIME_LIMIT_S='.*': a number of seconds"):
        TimeLimit.of_this_process()


WORDS = {
    "ae": [],
    "test_mlp": ["loop=test_mlp", "phase1.trainer.epochs=3", "data.limit_samples=320"],
}
"""Loop to a training with it that uses what there is to go on with."""


@pytest.mark.parametrize("loop", ["test_mlp", *long_form("ae")])
def test_a_run_that_is_cut_by_its_limit_has_the_numbers_of_one_that_is_not(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    words = ["hydra.run.dir=run", "run.resume=auto", "logging.make_plots=false", "device=cpu"]
    words = [SAME_SEED, *(WORDS[loop] and [*words, *WORDS[loop]])]
    whole, cut = own_folder / "whole", own_folder / "cut"
    for folder in (whole, cut):
        folder.mkdir()
    run_all = train if loop == "ae" else _train_alone
    assert run_all(whole, *words) == 0
    monkeypatch.setenv(TIME_LIMIT, "3600")
    codes = []
    for looks in (7, 25, 1000000):
        near = itertools.count(1)
        monkeypatch.setattr(TimeLimit, "is_near", lambda _, n=near, most=looks: next(n) >= most)
        codes.append(run_all(cut, *words))
        if codes[-1] == 0:
            break
        assert read_events(cut / "run").records[-1]["starts_again"] is True
    assert codes == [REQUEUE, REQUEUE, 0]
    assert facts_of(RunDir(cut / "run")) == facts_of(RunDir(whole / "run"))


def _train_alone(folder: Path, *words: str) -> int:
    before = os.getcwd()
    os.chdir(folder)
    try:
        return main(list(words))
    finally:
        os.chdir(before)


TRAINING = ("data.limit_samples=64", "logging.make_plots=false", "device=cpu", "hydra.run.dir=run")
AGAIN = (*TRAINING, "run.resume=auto", "phase1.trainer.epochs=50")


def test_a_process_whose_time_is_over_saves_and_ends_with_the_code_of_another_start(
    own_folder: Path,
) -> None:
    command = [sys.executable, "-m", "engine", "train", *AGAIN]
    environment = os.environ | {TIME_LIMIT: "0.5", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (REQUEUE, "")
    assert "its time is nearly over: saving, to go on at its next start" in done.stdout
    run = RunDir(own_folder / "run")
    end = read_events(run.path).records[-1]
    assert (end["moment"], end["stopped"], end["starts_again"]) == ("on_train_end", True, True)
    assert run.last.exists()
    told = summarise(run.path)
    assert (told.state, told.sentence) == ("stopped", "stopped; its time was over")


def test_a_run_that_gets_no_further_fails(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(TIME_LIMIT, "600")
    monkeypatch.setattr(TimeLimit, "is_near", lambda _: True)
    codes = [main(list(AGAIN))]
    while codes[-1] == REQUEUE and len(codes) < 5:
        codes.append(main(list(AGAIN)))
    assert codes == [REQUEUE] * (len(codes) - 1) + [1]
    told = summarise("run")
    assert told.state == "failed"
    assert "its time of 10 min was over before it had got any further" in (told.sentence or "")
    assert "launcher.time_limit" in capsys.readouterr().err


def test_a_run_is_not_started_again_for_ever(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TIME_LIMIT, "600")
    monkeypatch.setenv(JOB_ID, "12.0")
    monkeypatch.setattr(TimeLimit, "is_near", lambda _: True)
    folder = own_folder / "run" / "attempts"
    folder.mkdir(parents=True)
    for number in range(1, MOST_STARTS):
        (folder / f"{number}.json").write_text('{"job_id": "12.0"}')
    assert main(list(AGAIN)) == 1
    assert "its time of 10 min was over at 50 starts" in (summarise("run").sentence or "")
    assert RunDir(Path("run")).last.exists(), "it has saved all the same"


OWN_LOOP = """\
from engine.training_loops.session import Session

def train(cfg):
    with Session(cfg, set()) as session:
        session.start({"n_events": {"train": 1, "val": 1, "test": 1}}, {})
        session.step += 1
        while not session.stop_asked:
            session.step += 1
        session.save_last({"fit": {}}, 0)
        session.end({}, lambda due: {}, stopped=True)
"""


def test_a_loop_of_ones_own_in_a_session_is_started_again(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_folder / "patient_loop.py").write_text(OWN_LOOP)
    monkeypatch.setenv(TIME_LIMIT, "0.1")
    assert main(["loop=patient_loop:train", *TRAINING]) == REQUEUE
    assert read_events("run").records[-1]["starts_again"] is True


def test_who_asks_it_to_stop_is_obeyed_though_its_time_is_over(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TIME_LIMIT, "600")

    def near(limit: TimeLimit) -> bool:
        Path("stop").touch()
        return True

    monkeypatch.setattr(TimeLimit, "is_near", near)
    assert main(list(TRAINING)) == 0
    assert summarise("run").sentence == "stopped"
    assert not Path("run/stop").exists()


@pytest.mark.parametrize(
    ("job_id", "goes_on"), [("12.0", "its next start"), (None, "engine resume")]
)
def test_whoever_sends_a_job_away_is_not_told_to_resume_it(
    own_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    job_id: str | None,
    goes_on: str,
) -> None:
    """HTCondor tells by a signal alone that it moves, holds or removes a job."""
    monkeypatch.setenv(TIME_LIMIT, "600")
    if job_id:
        monkeypatch.setenv(JOB_ID, job_id)
    monkeypatch.setattr(TimeLimit, "is_near", lambda _: signal.raise_signal(signal.SIGTERM))
    assert main(list(TRAINING)) == 128 + signal.SIGTERM
    assert f" epochs; {goes_on} goes on with it" in capsys.readouterr().out


OVER = LastSeen("on_train_end", stopped=True, starts_again=True, epochs_done=7, epochs=50)
WAITS = RunState(
    "queued", "its time was over; saved after 7 of 50 epochs; waits for its next start"
)


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (JobReport("queued", "exit code 85, to be started again"), WAITS),
        (JobReport("running", host="wn-1"), WAITS),
        (JobReport("held", "by somebody"), RunState("held", "held: by somebody")),
        (
            JobReport("removed"),
            RunState("stopped", "stopped after 7 of 50 epochs; its time was over"),
        ),
        (None, RunState("stopped", "stopped after 7 of 50 epochs; its time was over")),
    ],
)
def test_how_a_run_reads_whose_time_was_over(job: JobReport | None, told: RunState) -> None:
    assert judge(Evidence(seen=OVER, job=job)) == told
