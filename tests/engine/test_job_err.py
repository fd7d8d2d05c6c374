"""What a job printed before its training had a log: the reason where nothing else tells one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.cli import main
from engine.facts import RunDir, append_jsonl_event, build_event_payload
from engine.facts.job_report import JobReport
from engine.launch.job import HTCONDOR, JobSpec
from engine.launch.record import NO_PROCESS, amend_record, new_entries, write_record
from engine.library.index import summarise
from tests.engine.test_condor_log import EXECUTE, KILLED, SUBMIT, TERMINATED

NO_PYTHON = "/code/train.sh: line 21: /data/nope/bin/python: No such file or directory"
OF_BASH = f"{NO_PYTHON}\n/code/train.sh: line 21: exec: /data/nope/bin/python: cannot execute\n"
OURS = "error: run was submitted to HTCondor, which has to start it\n  engine resume run goes on\n"
TRACEBACK = (
    "Traceback (most recent call last):\n  File 'x'\nModuleNotFoundError: No module named 'x'\n"
)


@pytest.fixture
def run_dir(own_folder: Path) -> RunDir:
    """A run whose job ended with exit code 3 before its training began."""
    run_dir = RunDir(own_folder / "outputs" / "runs" / "run")
    run_dir.facts.mkdir(parents=True)
    more = {"id": "abc", "job_id": "12.0", "state": "queued"}
    spec = JobSpec((), run_dir.path, target=HTCONDOR)
    write_record(run_dir.launch, new_entries(spec, **NO_PROCESS, **more))
    run_dir.job_log.write_text(SUBMIT + EXECUTE + TERMINATED)
    return run_dir


def sentence(run_dir: RunDir, job: JobReport | None = None) -> str | None:
    return summarise(str(run_dir.path), job).sentence


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        (f"{NO_PYTHON}\n", f"failed: {NO_PYTHON}"),
        (f"first\n{NO_PYTHON}\n\n  \n", f"failed: {NO_PYTHON}"),
        (OURS, "failed: run was submitted to HTCondor, which has to start it"),
        (TRACEBACK, "failed: ModuleNotFoundError: No module named 'x'"),
        ("  all is indented\n", "failed: all is indented"),
        ("\x1b[31mred\x1b]0;title\x07\n", "failed: red"),
        ("x\n" * (1 << 20) + "the last one", "failed: the last one"),
        (f"{'y' * (1 << 20)}\n", f"failed: {'y' * 199}…"),
        ("\n \n", "its job ended with exit code 3"),
        ("", "its job ended with exit code 3"),
    ],
)
def test_the_last_line_is_the_reason(run_dir: RunDir, printed: str, told: str) -> None:
    run_dir.job_err.write_text(printed)
    assert sentence(run_dir) == told
    run_dir.job_log.write_text(SUBMIT)
    assert sentence(run_dir, JobReport("ended", exit_code=3)) == told


def test_it_is_told_by_all_that_tell_of_a_job(
    run_dir: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir.job_err.write_text(OF_BASH)
    for words in (["runs"], ["jobs"], ["show", "run"]):
        assert main([*words, "--json"]) == 0
        assert "python: cannot execute" in capsys.readouterr().out, words


@pytest.mark.parametrize("kind", ["none", "a link", "a pipe", "a folder"])
def test_nothing_else_than_a_file_of_the_run_is_read(run_dir: RunDir, kind: str) -> None:
    elsewhere = run_dir.path.with_name("secret")
    elsewhere.write_text("somebody's\n")
    if kind == "a link":
        run_dir.job_err.symlink_to(elsewhere)
    elif kind == "a pipe":
        os.mkfifo(run_dir.job_err)
    elif kind == "a folder":
        run_dir.job_err.mkdir()
    assert sentence(run_dir) == "its job ended with exit code 3"


def test_what_the_job_itself_wrote_down_counts_more(run_dir: RunDir) -> None:
    run_dir.job_err.write_text("a warning\n")
    amend_record(run_dir.launch, "abc", state="ended", exit_code=3, reason="no data file")
    assert sentence(run_dir) == "failed: no data file"


@pytest.mark.parametrize("end", [KILLED, TERMINATED.replace("value 3", "value 0")])
def test_it_is_no_reason_of_another_end(run_dir: RunDir, end: str) -> None:
    run_dir.job_err.write_text("a warning\n")
    run_dir.job_log.write_text(SUBMIT + EXECUTE + end)
    assert "a warning" not in (sentence(run_dir) or "")


def test_an_end_in_the_facts_is_told_by_them(run_dir: RunDir) -> None:
    run_dir.job_err.write_text("a warning\n")
    error = build_event_payload("on_exception", run_dir.path, error=ValueError("too large"))
    append_jsonl_event(run_dir.path, error)
    assert sentence(run_dir) == "failed: ValueError: too large"


@pytest.mark.parametrize("log", [None, "", "what the run printed\n"])
def test_it_is_shown_where_there_is_no_log(
    run_dir: RunDir, capsys: pytest.CaptureFixture[str], log: str | None
) -> None:
    run_dir.job_err.write_text(OF_BASH)
    if log is not None:
        run_dir.log.write_text(log)
    shown = (log or OF_BASH).splitlines()
    assert main(["jobs", "log", "run"]) == 0
    assert capsys.readouterr().out.splitlines() == shown
    assert main(["show", "run", "--log", "9", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told[0] if isinstance(told, list) else told)["log"] == shown
