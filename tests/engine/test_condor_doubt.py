"""Jobs that HTCondor may still get: removed so that they do not begin, told of, and sent again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigError
from engine.facts.run_dir import RunDir
from engine.launch.condor import actions as condor_actions
from engine.launch.condor.answers import Acted, Answer
from engine.launch.condor.client import Action
from engine.launch.condor.doubt import IN_DOUBT_S
from engine.launch.condor.why import why
from engine.launch.job import HTCONDOR, JobHandle
from engine.launch.jobs import find_jobs
from engine.launch.record import read_job
from engine.launch.submission import submit_again
from engine.library.index import summarise
from tests.engine.launching import written_ago
from tests.engine.test_condor_queue import IDLE, Fake, ad


class Slow(Fake):
    """Has nothing yet, takes what it is sent, and removes what it is told to."""

    def submit(self, description: Any) -> Answer:
        self.calls.append("submit")
        return Answer("here", 7)

    def act(self, action: Action, constraint: str, reason: str) -> Acted:
        self.calls.append(action)
        return Acted(1)


@pytest.fixture
def doubtful(own_folder: Path) -> JobHandle:
    """A job whose submission was interrupted."""
    return recorded(own_folder / "outputs" / "runs" / "run")


def recorded(place: Path, **more: Any) -> JobHandle:
    path = RunDir.claim(place).launch
    told = {"id": "a", "kind": "run", "target": HTCONDOR, "state": "submitting", "overrides": []}
    path.write_text(json.dumps(told | {"original_dir": str(place)} | more))
    return read(path)


def read(path: Path) -> JobHandle:
    found = read_job(path)
    assert found is not None
    return found


def removed(asked: Slow, job: JobHandle) -> condor_actions.Done:
    return condor_actions.remove([job], connect=lambda schedd: asked)


def test_a_job_in_doubt_that_is_removed_is_told_of_honestly_and_does_not_begin(
    doubtful: JobHandle,
) -> None:
    asked, stop = Slow(), RunDir(doubtful.directory).stop
    done = removed(asked, doubtful)
    told = "HTCondor does not have it yet, and may still get it; it does not begin then."
    assert (done.jobs, done.problems) == ([], {"run": f"{told} Try again in 5 min."})
    assert stop.exists()
    written_ago(doubtful.path, IN_DOUBT_S)
    with pytest.raises(ConfigError, match="run was asked to stop, so that it is not sent again"):
        submit_again(doubtful.directory, asked)
    assert "submit" not in asked.calls
    assert removed(asked, doubtful).jobs == [doubtful]
    assert stop.exists()
    assert summarise(str(doubtful.directory)).sentence == (
        "its job was removed with engine: it never came to HTCondor"
    )
    assert removed(asked, read(doubtful.path)).problems == {
        "run": "HTCondor does not have it any more"
    }


def test_a_job_that_comes_while_it_is_removed_is_removed_there(doubtful: JobHandle) -> None:
    class Coming(Slow):
        def clusters(self, constraint: str) -> list[Any]:
            raise AssertionError("it is no job of a sweep")

        def query(self, *words: Any, **more: Any) -> list[dict[str, Any]]:
            told, self.ads = super().query(*words, **more), [ad("a", IDLE)]
            return told

    asked = Coming()
    assert removed(asked, doubtful).jobs == [doubtful]
    assert "remove" in asked.calls
    assert read(doubtful.path).job_id == "12.0"


def test_of_a_sweep_that_is_submitted_as_one_no_run_is_given_up_alone(own_folder: Path) -> None:
    place = own_folder / "multiruns" / "exp_x"
    place.mkdir(parents=True)
    (place / "runs.jsonl").touch()
    job = recorded(own_folder / "runs" / "run", sweep_id="s", sweep_dir=str(place))
    written_ago(job.path, IN_DOUBT_S)
    told = "whether HTCondor gets it is not known; it does not begin then."
    assert removed(Slow(), job).problems == {
        "run": f"{told} engine submit --again exp_x finds out."
    }
    assert RunDir(job.directory).stop.exists()
    assert read(job.path).state == "submitting"


def test_a_run_of_a_sweep_that_is_waited_for_is_sent_again_alone(own_folder: Path) -> None:
    place = own_folder / "multiruns" / "exp_x"
    place.mkdir(parents=True)
    sweep = {"id": "s", "kind": "sweep", "target": HTCONDOR, "state": "running", "command": "train"}
    (place / "sweep.json").write_text(json.dumps(sweep | {"original_dir": str(place)}))
    job = recorded(own_folder / "runs" / "run", sweep_id="s", sweep_dir=str(place))
    written_ago(job.path, IN_DOUBT_S)
    assert submit_again(job.directory, Slow()).job_id == "7.0"
    with pytest.raises(ConfigError, match="exp_x submits its runs one by one") as caught:
        submit_again(place, Slow())
    assert caught.value.hint == "train goes on with it; --again takes a run of it."


def test_what_is_in_doubt_is_told_with_the_command_that_finds_out(doubtful: JobHandle) -> None:
    again = "engine submit --again run finds out"
    (found,) = find_jobs("outputs")
    told = f"queued: it is not known whether HTCondor has it: {again}"
    assert (found.state.state, found.state.sentence) == ("queued", told)
    asked = Slow()
    told = f"HTCondor does not have it yet, and may still get it: {again}"
    assert why(doubtful, lambda schedd: asked) == told
