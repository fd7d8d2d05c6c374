"""Records that others wrote: no id in them becomes part of what HTCondor is asked, or told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.errors import LaunchError
from engine.launch.condor import actions as condor_actions
from engine.launch.condor.ads import of_sweeps, one_of
from engine.launch.condor.sweep import remove_sweep
from engine.launch.condor.why import why
from tests.engine.test_condor_acting import Acting, recorded
from tests.engine.test_condor_queue import Asked, ad, job

HOSTILE = ('x" || true || "', "", "a b", "a\n", "é", '"', "\\", "a'b", "x" * 300, None, 7, ["a"])


@pytest.mark.parametrize("wrong", HOSTILE)
def test_what_is_no_id_is_none_in_a_job_and_never_in_a_constraint(
    tmp_path: Path, wrong: Any
) -> None:
    found = recorded(tmp_path, "run", id=wrong, sweep_id=wrong)
    assert (found.id, found.sweep_id) == (None, None)
    for constraint in (one_of, of_sweeps):
        with pytest.raises(LaunchError, match="its record has no id"):
            constraint(["a", wrong])


@pytest.mark.parametrize("right", ["a", "5eed5eed", "run-1.2_3", "0" * 32])
def test_an_id_is_one_in_a_constraint(tmp_path: Path, right: str) -> None:
    assert recorded(tmp_path, "run", id=right).id == right
    own = f'member(ThesisRunId, {{"{right}", "b"}})'
    assert one_of([right, "b"]) == f"ProcId =!= undefined && {own}"
    assert of_sweeps([right]) == f'member(ThesisSweepId, {{"{right}"}})'


def test_a_sweep_with_a_hostile_id_removes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Acting()
    monkeypatch.setattr("engine.launch.condor.sweep.Condor", lambda schedd: asked)
    sweep = recorded(tmp_path, "sweep", kind="sweep", id='x" || true || "')
    with pytest.raises(LaunchError, match="its record has no id"):
        remove_sweep(sweep)
    assert asked.calls == []
    assert not (tmp_path / "sweep" / "stop").exists()


def test_a_damaged_job_spoils_nothing_of_the_others(tmp_path: Path) -> None:
    good, bad = recorded(tmp_path, "good", id="a"), recorded(tmp_path, "bad", id='"')
    asked = Acting()
    asked.ads = [ad("a")]
    done = condor_actions.hold([bad, good], connect=lambda schedd: asked)
    assert (done.jobs, done.problems) == ([good], {"bad": "it is no job on HTCondor"})
    assert why(bad, lambda schedd: asked) is None
    following = Asked()
    following.fake.ads = [ad("a")]
    assert following.states(good, bad) == {"a": "queued"}


def test_what_a_scheduler_does_not_understand_ends_nothing() -> None:
    following = Asked()
    following.fake.ads = [ad("a")]
    as_recorded = {"a": "queued", '"': "running"}
    for _ in range(3):
        states = following.states(job("a"), job('"', state="running"))
        assert states.items() <= as_recorded.items()
    assert states == as_recorded
    assert "its record has no id" in following.queue.view.problems[0]
