"""What comes of an action for each job, told by a scheduler that is none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import LaunchError
from engine.facts import RunDir
from engine.launch import condor_actions
from engine.launch.condor import Action
from engine.launch.condor_sweep import remove_sweep
from engine.launch.control import kill, kill_job
from engine.launch.job import HTCONDOR, JobHandle
from engine.launch.record import read_job
from tests.engine.test_condor_queue import HELD, Fake, ad


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
    """A scheduler that holds what it is told to."""

    def act(self, action: Action, constraint: str, reason: str) -> int:
        self.calls.append(action)
        told = [one for one in self.ads if f'"{one["ThesisRunId"]}"' in constraint]
        for one in told:
            one["JobStatus"] = HELD
        return len(told)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Acting:
    """What everybody asks, with the job `a`."""
    asked = Acting()
    asked.ads = [ad("a")]
    monkeypatch.setattr("engine.launch.condor_sweep.Condor", lambda schedd: asked)
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
