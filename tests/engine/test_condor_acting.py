"""What comes of an action for each job, told by a scheduler that is none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigError, LaunchError
from engine.facts import RunDir
from engine.launch.condor import actions as condor_actions
from engine.launch.condor.absent import NOWHERE
from engine.launch.condor.answers import Acted, CouldNotAsk, read_answer
from engine.launch.condor.changes import read_changes
from engine.launch.condor.client import Action
from engine.launch.condor.editing import edit
from engine.launch.condor.sweep import remove_sweep
from engine.launch.control import kill, kill_job
from engine.launch.job import HTCONDOR, JobHandle
from engine.launch.record import read_job
from engine.library.index import summarise
from tests.engine.test_condor_queue import CUT_OFF, HELD, Fake, ad
from tests.engine.test_condor_why import match


def recorded(folder: Path, name: str, **entries: Any) -> JobHandle:
    """The job of a record that somebody wrote."""
    path = folder / name / ("sweep.json" if entries.get("kind") == "sweep" else "launch.json")
    path.parent.mkdir()
    told = {"kind": "run", "target": HTCONDOR, "state": "queued", "original_dir": str(path.parent)}
    path.write_text(json.dumps(told | entries))
    return read(path)


def read(path: Path) -> JobHandle:
    found = read_job(path)
    assert found is not None
    return found


class Acting(Fake):
    """A scheduler that holds and changes what it is told to, but not somebody else's."""

    def __init__(self, schedd: str | None = None) -> None:
        super().__init__(schedd)
        self.breaks = False
        """Whether the connection breaks after each change."""

    def act(self, action: Action, constraint: str, reason: str) -> Acted:
        self.calls.append(action)
        told = self._allowed(constraint)
        for one in told[0]:
            one["JobStatus"] = HELD
        return Acted(len(told[0]), len(told[1]), "permission denied" if told[1] else "")

    def edit(self, constraint: str, attribute: str, expression: str) -> int:
        mine, others = self._allowed(constraint)
        if others:
            raise LaunchError("HTCondor did not change the job: Unable to edit jobs")
        for one in mine:
            one[attribute] = expression
        return len(mine)

    def match(self, constraint: str) -> dict[str, Any]:
        return {}

    def _allowed(self, constraint: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        told = [one for one in self.ads if f'"{one["ThesisRunId"]}"' in constraint]
        mine = [one for one in told if "Owner" not in one]
        self.silent = self.breaks
        return mine, [one for one in told if "Owner" in one]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Acting:
    """What everybody asks, with the job `a`."""
    asked = Acting()
    asked.ads = [ad("a")]
    monkeypatch.setattr("engine.launch.condor.sweep.Condor", lambda schedd: asked)
    monkeypatch.setattr(condor_actions.remove, "__defaults__", (lambda schedd: asked,))
    return asked


@pytest.mark.parametrize("kind", ["run", "sweep"])
def test_what_is_done_to_a_copy_does_nothing_to_the_job_of_the_original(
    tmp_path: Path, asked: Acting, kind: str
) -> None:
    original = recorded(tmp_path, "original", id="a", kind=kind)
    shutil.copytree(original.directory, tmp_path / "copy")
    copy = read(tmp_path / "copy" / original.path.name)
    ends: dict[str, list[Callable[[], object]]] = {
        "run": [lambda: kill_job(copy), lambda: kill(RunDir(copy.directory))],
        "sweep": [lambda: kill_job(copy), lambda: remove_sweep(copy)],
    }
    for end in ends[kind]:
        with pytest.raises(LaunchError, match=f"copy: the jobs? .+ of {original.directory}"):
            end()
    done = condor_actions.hold([copy], connect=lambda schedd: asked)
    assert done.problems == {"copy": f"it is a copy: the job is that of {original.directory}"}
    assert (asked.calls, list((tmp_path / "copy").iterdir())) == ([], [copy.path])
    (tmp_path / "link").symlink_to(original.directory)
    assert not read(tmp_path / "link" / original.path.name).is_copy
    shutil.rmtree(original.directory)
    assert not copy.is_copy, "it was moved, and nobody else has the job"


def test_the_job_of_somebody_else_keeps_no_other_from_what_is_done(tmp_path: Path) -> None:
    asked = Acting()
    asked.ads = [ad("a"), ad("b", Owner="somebody else"), ad("c")]
    a, _, c = jobs = [recorded(tmp_path, name, id=name) for name in "abc"]
    done = condor_actions.hold(jobs, connect=lambda schedd: asked)
    assert done.jobs == [a, c]
    assert done.problems == {"b": "HTCondor did not do it: permission denied"}
    done = edit(jobs, {"memory": "20MB"}, connect=lambda schedd: asked)
    assert done.jobs == [a, c]
    told = "it is held: engine jobs release {} lets it go on"
    assert done.remarks == {name: told.format(name) for name in "ac"}
    assert done.problems == {"b": "HTCondor did not change the job: Unable to edit jobs"}
    assert [one.get("RequestMemory") for one in asked.ads] == ["20", None, "20"]


@pytest.mark.parametrize(
    ("past", "closed", "told"),
    [
        ([{"ExitBySignal": True, "ExitSignal": 9}], False, ("ended", None)),
        ([], False, ("ended", NOWHERE)),
        ([], True, ("ended", NOWHERE)),
    ],
)
def test_the_end_of_a_job_that_is_gone_is_written_down_by_who_removes_it(
    tmp_path: Path, asked: Acting, past: list[dict[str, Any]], closed: bool, told: tuple[str, str]
) -> None:
    one = recorded(tmp_path, "b", id="b", state="running", job_id="12.0")
    (one.directory / "facts").mkdir()
    (one.directory / "job.log").write_text(CUT_OFF.replace("run a", "run b"))
    assert summarise(one.directory).state == "running"
    asked.past, asked.closed = [ad("b", 4, **more) for more in past], closed
    with pytest.raises(LaunchError, match="HTCondor does not have it any more"):
        kill(RunDir(one.directory))
    after = read(one.path)
    assert (after.state, after.reason) == told
    assert summarise(one.directory).state == "lost"


def test_a_job_of_which_nobody_answers_is_not_taken_for_gone_by_who_removes_it(
    tmp_path: Path, asked: Acting
) -> None:
    one = recorded(tmp_path, "b", id="b", state="running")
    asked.silent = True
    with pytest.raises(LaunchError, match="did not answer"):
        kill(RunDir(one.directory))
    assert read(one.path).state == "running"


def test_a_connection_that_breaks_leaves_in_doubt_what_was_done(tmp_path: Path) -> None:
    asked = Acting()
    asked.ads, asked.breaks = [ad("a", Owner="x")], True
    told = condor_actions.hold([recorded(tmp_path, "a", id="a")], connect=lambda schedd: asked)
    assert told.problems["a"].startswith("whether it was done is not known: HTCondor's scheduler")
    lost = {"phase": "lost", "error": "Unable to connect to schedd"}
    with pytest.raises(
        CouldNotAsk, match=r"(?s)the connection to HTCondor broke.*Unable to connect"
    ):
        read_answer(lost)


def test_an_edit_that_is_done_by_half_says_so_and_the_record_has_that_half(
    tmp_path: Path,
) -> None:
    class Half(Acting):
        error: LaunchError = LaunchError("HTCondor did not change the job: no")

        def edit(self, constraint: str, attribute: str, expression: str) -> int:
            if attribute == "RequestDisk":
                raise self.error
            return super().edit(constraint, attribute, expression)

    asked = Half()
    asked.ads = [ad("a"), ad("b")]
    before = {"memory": "1GB", "disk": "1GB", "new": 3}
    jobs = [recorded(tmp_path, name, id=name, resources=before) for name in "ab"]
    done = edit(jobs, {"memory": "20MB", "disk": "2GB"}, connect=lambda schedd: asked)
    why = "memory is changed, disk is not: HTCondor did not change the job: no"
    assert (done.jobs, done.problems) == ([], {"a": why, "b": why})
    for job in jobs:
        told = json.loads(job.path.read_text())["resources"]
        assert told == before | {"memory": "20MB"}, "and what this version does not know"
    asked.error = CouldNotAsk("HTCondor's scheduler did not answer within 25 s")
    done = edit(jobs[:1], {"memory": "30MB", "disk": "2GB"}, connect=lambda schedd: asked)
    assert done.problems["a"].startswith("memory is changed, whether disk was is not known: ")


def test_an_edit_that_no_node_can_fulfil_is_told_at_once(tmp_path: Path) -> None:
    class Small(Acting):
        def match(self, constraint: str) -> dict[str, Any]:
            return match(asked={"RequestMemory": 800 * 1024})

    asked = Small()
    asked.ads = [ad("a")]
    job = recorded(tmp_path, "a", id="a")
    done = edit([job], {"memory": "800GB"}, connect=lambda schedd: asked)
    assert done.jobs == [job]
    assert done.remarks["a"] == "it asks for memory 800 GB, and no node has more than 15.62 GB"


@pytest.mark.parametrize(
    "wrong", ["((GPUs", "true) || (false", "a)", ")(", 'Name == "a', "(a", "[a", "x 'y"]
)
def test_requirements_that_would_not_stay_whole_are_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="is not closed, or not opened"):
        read_changes([f"requirements={wrong}"])


@pytest.mark.parametrize("wrong", ["a // b", "a /* b */", "a //"])
def test_requirements_with_a_comment_are_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="it may have no comment"):
        read_changes([f"requirements={wrong}"])


@pytest.mark.parametrize(
    "right", ['Name == "http://a"', "(a) || (b)", 'Name == "a)"', "'a(' =?= 1", "GPUs > 1"]
)
def test_requirements_that_stay_whole_are_taken(right: str) -> None:
    assert read_changes([f"requirements={right}"]) == {"requirements": right}


def test_requirements_that_cannot_be_read_are_left_as_they_are(tmp_path: Path) -> None:
    asked, jobs = Acting(), [recorded(tmp_path, name, id=name) for name in "ab"]
    asked.ads = [ad("a", Requirements="(TARGET.Arch == 1) && old"), ad("b")]
    done = edit(jobs, {"requirements": "new"}, connect=lambda schedd: asked)
    assert asked.ads[0]["Requirements"] == "(new) && (TARGET.Arch == 1)"
    assert done.problems == {
        "b": "HTCondor does not tell its Requirements, so that it stays as it is"
    }
    assert done.jobs == jobs[:1]
