"""HTCondor asked through the helper process: a real pool, and ones that do not answer."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import LaunchError
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.helper import _tidy
from engine.launch.condor.submit import Submission, description, job_environment
from engine.launch.resources import Resources
from tests.engine.condor_pool import Pool
from tests.engine.launching import wait_until
from tests.engine.test_condor_submit import HOSTILE

NEVER = Resources(memory="10MB", disk="1MB", requirements="false")
"""For a job that stays in the queue."""


@pytest.fixture
def condor(pool: Pool) -> Iterator[Condor]:
    with Condor() as asked:
        yield asked
        asked.act("remove", "true", "the test is over")


def submission(folder: Path, name: str = "run", **more: object) -> Submission:
    """A job whose script says what it was called with."""
    script = folder / "script.sh"
    script.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\nenv -0 >variables\n')
    script.chmod(0o755)
    record = folder / name / "launch.json"
    record.parent.mkdir(parents=True)
    entries = {"resources": NEVER, "environment": {}} | more
    return Submission(record, uuid.uuid4().hex, script, **entries)


def test_a_job_is_submitted_found_changed_and_removed(condor: Condor, own_folder: Path) -> None:
    job = submission(own_folder)
    answer = condor.submit(description(job))
    own = f'ThesisRunId =?= "{job.id}"'
    wanted = ["ClusterId", "JobStatus", "JobBatchName", "RequestMemory", "OnExitHold"]
    (ad,) = condor.query(own, wanted)
    assert ad.pop("ServerTime") == pytest.approx(time.time(), abs=60)
    assert ad.pop("OnExitHold", False) is False
    assert ad == {
        "ClusterId": answer.value,
        "JobStatus": 1,
        "JobBatchName": "run",
        "RequestMemory": 10,
    }
    condor.edit(own, "RequestMemory", "20")
    assert condor.act("hold", own, "h was pressed").done == 1
    (ad,) = condor.query(own, ["JobStatus", "HoldReason", "RequestMemory"])
    assert (ad["JobStatus"], ad["RequestMemory"]) == (5, 20)
    assert ad["HoldReason"].startswith("h was pressed")
    assert condor.act("release", own, "").done == 1
    assert condor.act("remove", own, "no longer wanted").done == 1
    wait_until(lambda: condor.query(own, wanted) == [])  # it is marked first, and leaves then
    (ad,) = condor.history(own, ["JobStatus", "RemoveReason"])
    assert ad["JobStatus"] == 3
    assert ad["RemoveReason"].startswith("no longer wanted")


def test_nothing_found_is_an_answer(condor: Condor) -> None:
    nobody = 'ThesisRunId =?= "nobody"'
    assert condor.query(nobody, ["ClusterId"]) == []
    assert condor.history(nobody, ["ClusterId"]) == []
    assert condor.act("remove", nobody, "").done == 0
    assert condor.ping()


def test_what_the_scheduler_refuses_is_no_silence(condor: Condor, own_folder: Path) -> None:
    nobody = 'ThesisRunId =?= "nobody"'
    missing = description(submission(own_folder)) | {"initialdir": str(own_folder / "nowhere")}
    for call in (
        lambda: condor.query("a ===", ["ClusterId"]),
        lambda: condor.submit(missing),
        lambda: condor.edit(nobody, "RequestMemory", "20"),
        lambda: condor.edit("false", "Requirements", "Machine == foo bar"),
    ):
        with pytest.raises(LaunchError) as caught:
            call()
        assert not isinstance(caught.value, CouldNotAsk)
    assert condor.query(nobody, ["ClusterId"]) == []


def test_another_schedulers_name_is_never_taken_for_this_one(pool: Pool) -> None:
    with (
        Condor("taai-typo") as condor,
        pytest.raises(CouldNotAsk, match="cannot be found: no scheduler is named taai-typo"),
    ):
        condor.ping()


def test_a_frozen_scheduler_is_waited_for_only_so_long_and_asked_again(
    pool: Pool, own_folder: Path
) -> None:
    deadlines = dict.fromkeys(("query", "submit", "ping", "act"), 0.5)
    with Condor() as ready, Condor(deadlines_s=deadlines) as condor:
        ready.ping()
        described = description(submission(own_folder))
        with pool.frozen("schedd"):
            for call in (
                lambda: condor.query("true", ["ClusterId"]),
                lambda: condor.submit(described),
            ):
                begun = time.monotonic()
                with pytest.raises(CouldNotAsk, match=r"did not answer within 0\.5 s"):
                    call()
                assert time.monotonic() - begun < 5
        wait_until(lambda: ready.query("true", ["ClusterId"]) is not None)
        assert ready.act("remove", "true", "").done in (0, 1), "a submission may have come through"


def test_other_threads_go_on_while_the_scheduler_is_frozen(pool: Pool) -> None:
    beats, ended = [], threading.Event()

    def beat() -> None:
        while not ended.wait(0.01):
            beats.append(time.monotonic())

    with Condor(deadlines_s={"query": 1}) as condor, pool.frozen("schedd"):
        thread = threading.Thread(target=beat)
        thread.start()
        with pytest.raises(CouldNotAsk):
            condor.query("true", ["ClusterId"])
        ended.set()
        thread.join()
    assert len(beats) > 20, "the bindings themselves would have stopped them all"


def test_whoever_closes_does_not_wait_for_a_scheduler_that_is_frozen(pool: Pool) -> None:
    errors: list[CouldNotAsk] = []

    def ask() -> None:
        with pytest.raises(CouldNotAsk) as caught:
            condor.query("true", ["ClusterId"])
        errors.append(caught.value)

    condor = Condor()
    condor.ping()
    with pool.frozen("schedd"):
        thread = threading.Thread(target=ask)
        thread.start()
        wait_until(lambda: condor.asked == 2)
        begun = time.monotonic()
        condor.close()
        thread.join()
        assert time.monotonic() - begun < 5
    assert [error.message for error in errors] == ["the process that talks to HTCondor has ended"]


def test_a_helper_that_was_killed_is_started_again(condor: Condor) -> None:
    condor.ping()
    os.kill(condor._process.pid, signal.SIGKILL)  # type: ignore[union-attr]
    condor._process.wait()  # type: ignore[union-attr]
    assert condor.ping()


def test_without_a_configuration_it_says_that_it_cannot_ask(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONDOR_CONFIG", "/nowhere/condor_config")
    with Condor() as condor, pytest.raises(CouldNotAsk):
        condor.ping()
    out, err = capfd.readouterr()
    assert (out, err) == ("", ""), "the bindings write on the terminal as they like"


def test_without_the_bindings_it_says_what_to_install(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_folder / "htcondor2.py").write_text("raise ImportError('no module htcondor2')\n")
    monkeypatch.setenv("PYTHONPATH", str(own_folder))
    with Condor() as condor, pytest.raises(CouldNotAsk) as caught:
        condor.ping()
    assert str(caught.value) == (
        "HTCondor's Python bindings are not here: no module htcondor2\n"
        "  pip install htcondor brings them."
    )


def test_hostile_values_arrive_at_a_job(condor: Condor, own_folder: Path) -> None:
    nasty = {f"V{number}": value for number, value in enumerate(HOSTILE)}
    resources = Resources(memory="10MB", disk="1MB")
    variables = job_environment(os.environ, Path("/usr/bin/python3"), "abc", resources) | nasty
    name = "a 'strange' \"folder\", $HOME $(x) é"
    job = submission(own_folder, name, resources=resources, environment=variables)
    condor.submit(description(job))
    folder = job.directory
    wait_until(lambda: (folder / "job.log").exists())
    wait_until(lambda: "\n005 (" in (folder / "job.log").read_text())
    assert (folder / "job.err").read_text() == ""
    assert (folder / "job.out").read_bytes() == f"--launch\0{job.record}\0".encode()
    told = (folder / "variables").read_bytes().decode().split("\0")
    seen = dict(line.split("=", 1) for line in told if line)
    assert {name: seen[name] for name in variables} == variables
    assert seen["THESIS_JOB_ID"].endswith(".0")
    assert "THESIS_LAUNCH_ID" in seen
    assert "SSH_CONNECTION" not in seen


def test_what_is_not_known_of_a_job_is_left_out() -> None:
    classad2 = pytest.importorskip("classad2")
    job = classad2.ClassAd('[a = undefined; b = error; c = 1 + d; e = "2"; f = false; g = 2]')
    (ad,) = _tidy([job], list("abcdefg"))
    assert ad == {"c": "1 + d", "e": "2", "f": False, "g": 2}


def test_a_helper_that_does_not_read_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Condor(deadlines_s={"submit_cluster": 0.3}) as condor:
        sleeper = subprocess.Popen(["sleep", "60"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        monkeypatch.setattr(condor, "_started", lambda: sleeper)
        condor._process = sleeper
        begun = time.monotonic()
        with pytest.raises(CouldNotAsk, match=r"did not answer within 0\.3 s"):
            condor.submit_cluster({}, [{"item": "x" * 100}] * 2000)
        assert time.monotonic() - begun < 5
        assert sleeper.poll() is not None, "an answer that comes late would be taken for the next"
