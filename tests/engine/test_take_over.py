"""A run of HTCondor that is to go on here: not while its job may begin again, nor twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.cli.job_spec import _asked_last
from engine.errors import ConfigError, LaunchError
from engine.facts import RunDir, append_jsonl_event, attempts, build_event_payload
from engine.launch.condor import over
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.node import taken_over
from engine.launch.going_on import check_is_over
from engine.launch.job import HTCONDOR, ID_VARIABLE, JobSpec
from engine.launch.lock import locked
from engine.launch.record import amend_record, new_entries, read_job, write_record
from engine.launch.start import begin
from engine.library.index import summarise
from tests.conftest import Outcome
from tests.engine.launching import written_ago
from tests.engine.test_condor_log import EXECUTE, SUBMIT, TERMINATED

Answers = Callable[[Sequence[dict[str, Any]] | None], None]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Sets which ads the scheduler has; None for one that does not answer."""

    def set_them(ads: Sequence[dict[str, Any]] | None) -> None:
        def query(self: Condor, *_: object, **__: object) -> list[dict[str, Any]]:
            if ads is None:
                raise CouldNotAsk("HTCondor's scheduler did not answer within 10 s")
            return list(ads)

        monkeypatch.setattr(over.Condor, "query", query)

    return set_them


@pytest.fixture
def run_dir(thesis_train: Callable[..., Outcome]) -> RunDir:
    """A run that was sent away by HTCondor after an epoch: its log does not tell what follows."""
    run_dir = thesis_train("phase1.trainer.epochs=1", "evaluation.enabled=false").run
    run_dir.events.write_text("".join(run_dir.events.read_text().splitlines(True)[:-1]))
    stopped = build_event_payload("on_train_end", run_dir.path, stopped=True)
    append_jsonl_event(run_dir.path, stopped)
    spec = JobSpec((), run_dir.path, target=HTCONDOR)
    entries = {"id": "abc", "job_id": "12.0", "state": "running", "host": "wn-1", "pid": 7}
    write_record(run_dir.launch, new_entries(spec) | entries)
    run_dir.job_log.write_text(SUBMIT + EXECUTE)
    for path, ago_s in ((run_dir.launch, 400), (run_dir.job_log, 400), (run_dir.events, 300)):
        written_ago(path, ago_s)
    return run_dir


def resume(run_dir: RunDir, *words: str) -> int:
    return main(["resume", str(run_dir.path), "--epochs", "2", *words])


def test_it_does_not_go_on_while_the_scheduler_is_silent(
    run_dir: RunDir, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(None)
    before = run_dir.events.read_bytes(), run_dir.launch.read_bytes()
    assert resume(run_dir) == 2
    told = capsys.readouterr().err
    assert "HTCondor may start its job 12.0 again, and cannot be asked" in told
    assert f"engine resume {run_dir.run_id} --take-over" in told
    with pytest.raises(ConfigError, match="may start its job"):
        begin(JobSpec((), run_dir.path, resume=True))
    assert (run_dir.events.read_bytes(), run_dir.launch.read_bytes()) == before


def test_it_does_not_go_on_while_the_scheduler_has_its_job(
    run_dir: RunDir, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    answers([{"ThesisRunId": "abc", "JobStatus": 1, "ClusterId": 12, "ProcId": 0}])
    assert resume(run_dir) == 2
    told = capsys.readouterr().err
    assert "HTCondor still has its job 12.0" in told
    assert f"engine jobs remove {run_dir.run_id}" in told


@pytest.fixture
def only_its_log_lives(run_dir: RunDir) -> RunDir:
    """A run whose job runs as far as its log tells, whose end that has lost."""
    lines = run_dir.events.read_text().splitlines(True)[:-1]
    run_dir.events.write_text("".join(lines))
    written_ago(run_dir.events, 300)
    (run_dir.attempts / "1.json").unlink()  # its process is that of this test
    return run_dir


ENDED = {"ThesisRunId": "abc", "JobStatus": 4, "ExitBySignal": True, "ExitSignal": 9}


@pytest.mark.parametrize(
    ("ads", "past", "over"),
    [
        (None, [], False),
        ([{"ThesisRunId": "abc", "JobStatus": 2, "ClusterId": 12, "ProcId": 0}], [], False),
        ([], None, False),
        ([], [], True),
        ([], [ENDED], True),
    ],
)
def test_a_run_is_over_where_its_log_alone_lives_and_its_scheduler_tells_so(
    only_its_log_lives: RunDir,
    answers: Answers,
    monkeypatch: pytest.MonkeyPatch,
    ads: list[dict[str, Any]] | None,
    past: list[dict[str, Any]] | None,
    over: bool,
) -> None:
    def history(self: Condor, *_: object, **__: object) -> list[dict[str, Any]]:
        if past is None:
            raise CouldNotAsk("HTCondor's history cannot be read")
        return list(past)

    answers(ads)
    monkeypatch.setattr(Condor, "history", history)
    run_dir = only_its_log_lives
    if over:
        check_is_over(run_dir)
        return
    with pytest.raises(ConfigError, match=r"is running.*its job is running on wn-1"):
        check_is_over(run_dir)


@pytest.fixture
def by_itself(
    run_dir: RunDir, thesis_train: Callable[..., Outcome], capsys: pytest.CaptureFixture[str]
) -> Callable[[], tuple[int, str]]:
    """Types the command of `run_dir` with `run.resume=auto`; gives its exit code and errors."""
    words = ("phase1.trainer.epochs=2", "evaluation.enabled=false", "run.resume=auto")

    def go_on() -> tuple[int, str]:
        told = thesis_train(*words, f"hydra.run.dir={run_dir.path}")
        return told.code, capsys.readouterr().err

    return go_on


@pytest.mark.parametrize("ads", [None, [{"ThesisRunId": "abc", "JobStatus": 1}]])
def test_a_run_that_goes_on_by_itself_asks_whether_its_job_may_begin(
    run_dir: RunDir,
    answers: Answers,
    by_itself: Callable[[], tuple[int, str]],
    ads: list[dict[str, Any]] | None,
) -> None:
    answers(ads)
    events = run_dir.events.read_bytes()
    code, told = by_itself()
    assert (code, "its job 12.0" in told, "--take-over" in told) == (2, True, ads is None)
    run_dir.job_log.write_text(SUBMIT)  # it waits
    code, told = by_itself()
    assert (code, f"{run_dir.run_id} is queued" in told) == (2, True)
    entries = json.loads(run_dir.launch.read_text())
    assert (run_dir.events.read_bytes(), entries["id"]) == (events, "abc")


def test_a_run_that_went_on_by_itself_is_no_longer_that_of_its_job(
    run_dir: RunDir, answers: Answers, by_itself: Callable[[], tuple[int, str]]
) -> None:
    answers([])
    with locked(run_dir.submit_lock, run_dir.run_id):
        code, told = by_itself()
        assert (code, "another process is starting it" in told) == (1, True)
    assert by_itself()[0] == 0
    entries = json.loads(run_dir.launch.read_text())
    assert (entries["target"], entries["kind"], entries["state"]) == ("local", "resume", "ended")
    assert "phase1.trainer.epochs=2" in entries["overrides"]
    assert not any(word.startswith(("data.", "hydra.")) for word in entries["overrides"])
    assert summarise(run_dir.path).state == "finished"
    answers(None)
    assert by_itself()[0] == 0, "nothing is left to train"


@pytest.mark.parametrize("ads", [[], [{"ThesisRunId": "abc", "JobStatus": 3}]])
def test_it_goes_on_once_the_scheduler_has_none(
    run_dir: RunDir, answers: Answers, ads: list[dict[str, Any]]
) -> None:
    answers(ads)
    assert resume(run_dir) == 0
    assert summarise(run_dir.path).state == "finished"


def test_nobody_is_asked_where_the_log_tells_the_end(run_dir: RunDir, answers: Answers) -> None:
    answers(None)
    with pytest.raises(ConfigError, match="cannot be asked"):
        check_is_over(run_dir)
    run_dir.job_log.write_text(SUBMIT + EXECUTE + TERMINATED)
    check_is_over(run_dir)


def test_a_job_does_not_begin_once_its_run_was_taken_over(
    run_dir: RunDir, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = read_job(run_dir.launch)
    assert old is not None
    answers(None)
    asked = {"memory": "7GB", "category": "long"}
    amend_record(run_dir.launch, "abc", resources=asked)
    assert resume(run_dir, "--take-over") == 0
    entries = json.loads(run_dir.launch.read_text())
    assert entries["resources"] == _asked_last(run_dir) == asked, "for the next job of the run"
    assert (entries["target"], entries["kind"], entries["state"]) == ("local", "resume", "ended")
    assert [one["id"] for one in entries["earlier"]] == ["abc"]
    monkeypatch.setenv(ID_VARIABLE, "abc")
    with pytest.raises(LaunchError, match="a newer start has it"):
        taken_over(old)
    run = summarise(run_dir.path)
    assert (run.state, run.launcher) == ("finished", "local")


def test_two_who_go_on_at_the_same_moment_are_one_start_and_a_refusal(
    run_dir: RunDir, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    answers([])
    with locked(run_dir.submit_lock, run_dir.run_id):
        assert resume(run_dir) == 1
        with pytest.raises(LaunchError, match="another process is starting it"):
            begin(JobSpec((), run_dir.path, resume=True))
    assert "another process is starting it" in capsys.readouterr().err


@pytest.mark.parametrize("launcher", ["htcondor", "none"])
def test_who_goes_on_in_a_terminal_is_alone_until_his_start_is_known(
    run_dir: RunDir,
    answers: Answers,
    launcher: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers([])
    if launcher == "none":
        run_dir.launch.unlink()
    told: list[tuple[int, str]] = []
    begin_attempt = attempts.begin_attempt

    def another_too(place: RunDir) -> attempts.Attempt:
        if not told:
            told.append((0, "the first"))
            told.append((resume(run_dir), capsys.readouterr().err))
            with pytest.raises(LaunchError, match="another process is starting it"):
                begin(JobSpec((), run_dir.path, resume=True))
        return begin_attempt(place)

    monkeypatch.setattr("engine.cli.train.find_loop", lambda name: lambda cfg: {})
    monkeypatch.setattr(attempts, "begin_attempt", another_too)
    assert resume(run_dir) == 0
    assert told[1][0] == 1
    assert "another process is starting it" in told[1][1]
    assert len(attempts.read_attempts(run_dir)) == 2


def test_a_submission_in_doubt_is_not_over_though_its_run_gave_signs_since(
    run_dir: RunDir, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    answers([])
    amend_record(run_dir.launch, "abc", state="submitting", job_id=None)
    run_dir.job_log.write_text("")
    written_ago(run_dir.launch, 500)  # and the events, which were copied, 300 s
    assert summarise(run_dir.path).state == "stopped"
    with pytest.raises(ConfigError, match="not known whether HTCondor has its job"):
        check_is_over(run_dir)
    assert resume(run_dir) == 2
    assert f"engine submit --again {run_dir.run_id}" in capsys.readouterr().err


def test_a_submission_in_doubt_is_not_over_because_of_an_older_job(run_dir: RunDir) -> None:
    amend_record(run_dir.launch, "abc", state="submitting", job_id=None, events_size=0)
    run_dir.job_log.write_text(TERMINATED)  # which lost its beginning
    with pytest.raises(ConfigError, match="is queued"):
        check_is_over(run_dir)


def test_a_copy_of_a_run_is_not_asked_about(
    run_dir: RunDir, answers: Answers, own_folder: Path
) -> None:
    answers(None)
    with pytest.raises(ConfigError, match="cannot be asked"):
        check_is_over(run_dir)
    copy = RunDir(own_folder / "copy")
    run_dir.path.rename(copy.path)
    run_dir.path.mkdir()
    check_is_over(copy)
