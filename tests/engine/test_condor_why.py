"""Why a job on HTCondor does not run, and what can be changed in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigError
from engine.launch.condor.ads import QueuedJob
from engine.launch.condor.changes import (
    expressions,
    new_environment,
    new_requirements,
    quoted,
    read_changes,
)
from engine.launch.condor.client import Condor
from engine.launch.condor.why import sentence, why
from engine.launch.expressions import conjuncts
from engine.launch.job import JobHandle
from tests.engine.test_condor_log import DISCONNECTED, EXECUTE, SUBMIT

ADDED = (
    '(TARGET.Arch == "X86_64") && (TARGET.OpSys == "LINUX") && '
    '(versionGE(split(TARGET.CondorVersion)[1],"25.12.0") || (TARGET.Disk >= RequestDisk)) && '
    "(TARGET.Memory >= RequestMemory) && "
    "((TARGET.FileSystemDomain == MY.FileSystemDomain) || (TARGET.HasFileTransfer))"
)
"""What HTCondor adds to the requirements of a job."""


def queued(state: str = "queued", **more: Any) -> QueuedJob:
    return QueuedJob("abc", "12.0", state, since_s=720, **more)


def match(**more: Any) -> dict[str, Any]:
    has = {"RequestMemory": 16000, "RequestCpus": 8, "RequestDisk": 1 << 20, "RequestGPUs": 0}
    asked = {"RequestMemory": 4096, "RequestCpus": 1, "RequestDisk": 1024, "RequestGPUs": 0}
    asked |= more.pop("asked", {})
    fit = {"slots": 3, "asked": asked, "largest": has, "conditions": [], "ever": 3, "now": 0}
    return fit | more


@pytest.mark.parametrize(
    ("job", "found", "told"),
    [
        (queued("running", host="wn-1"), {}, "it has run for 12 min on wn-1"),
        (queued(), {}, "it has waited for 12 min: HTCondor has not looked for a node yet"),
        (queued(), match(slots=0), "it has waited for 12 min: the pool has no nodes at present"),
        (
            queued(),
            match(asked={"RequestMemory": 900 * 1024}),
            "it has waited for 12 min: it asks for memory 900 GB, and no node has more than "
            "15.62 GB; engine jobs edit run memory=… asks for less",
        ),
        (
            queued(),
            match(asked={"RequestCpus": 64}),
            "it has waited for 12 min: it asks for cpus 64, and no node has more than 8; "
            "engine jobs edit run cpus=… asks for less",
        ),
        (
            queued(),
            match(
                asked={"RequestMemory": 900 * 1024, "RequestCpus": 64},
                conditions=[["TARGET.Memory >= RequestMemory", 0], ['Machine == "wn-9"', 0]],
                ever=0,
            ),
            "it has waited for 12 min: it asks for memory 900 GB, and no node has more than "
            "15.62 GB; it asks for cpus 64, and no node has more than 8; no node fulfils its "
            'requirement Machine == "wn-9"; engine jobs edit run memory=… cpus=… asks for less',
        ),
        (
            queued(),
            match(asked={"RequestGPUs": 1}),
            "it has waited for 12 min: it asks for 1 GPU, and no node has any",
        ),
        (
            queued(),
            match(ever=0, conditions=[['Machine == "wn-9"', 0], ["Memory > 5", 3]]),
            'it has waited for 12 min: no node fulfils its requirement Machine == "wn-9"',
        ),
        (
            queued(),
            match(ever=0, conditions=[["a", 1], ["b", 2]]),
            "it has waited for 12 min: each thing that it asks for is somewhere, and no node "
            "has all of it or may take it",
        ),
        (
            queued(),
            match(),
            "it has waited for 12 min: 3 nodes would do, and all are busy with other jobs",
        ),
        (
            queued(),
            match(now=1),
            "it has waited for 12 min: 1 node would do: it starts soon, or other jobs go first",
        ),
        (
            queued("held", reason="it took more", hold_code=34, hold_subcode=102),
            {},
            "it has been held for 12 min: it took more; engine jobs release run --memory 8GB "
            "asks for more and lets it go on",
        ),
        (
            queued("held", hold_code=6, hold_subcode=13),
            {},
            "it has been held for 12 min: its program cannot be started (Permission denied); "
            "see to it that the node can execute that file, then engine jobs release run",
        ),
    ],
)
def test_one_sentence_says_why(job: QueuedJob, found: dict[str, Any], told: str) -> None:
    assert sentence("run", job, found) == told


def test_a_held_job_that_was_asked_to_stop_is_not_let_go_on() -> None:
    held = queued("held", reason="others first", hold_code=1)
    assert sentence("run", held, {}, asked_to_stop=True) == (
        "it has been held for 12 min: others first; it was asked to stop, and does not begin: "
        "engine jobs remove run ends it now"
    )


def test_why_sees_that_a_held_job_was_asked_to_stop(own_folder: Path) -> None:
    class Held(Condor):
        def query(self, *_: object, **__: object) -> list[dict[str, Any]]:
            return [{"ThesisRunId": "abc", "JobStatus": 5, "HoldReasonCode": 1}]

    job = JobHandle(own_folder / "launch.json", "abc", job_id="12.0")
    assert f"engine jobs release {own_folder.name} lets it go on" in (why(job, Held) or "")
    (own_folder / "stop").touch()
    assert "it was asked to stop" in (why(job, Held) or "")


def test_a_node_that_is_cut_off_is_told_of_with_what_happens_then(own_folder: Path) -> None:
    class Running(Condor):
        def query(self, *_: object, **__: object) -> list[dict[str, Any]]:
            return [{"ThesisRunId": "abc", "JobStatus": 2, "RemoteHost": "slot1@wn-1"}]

    (own_folder / "job.log").write_text(SUBMIT + EXECUTE + DISCONNECTED)
    job = JobHandle(own_folder / "launch.json", "abc", job_id="12.0")
    told = why(job, Running)
    assert re.fullmatch(
        r"it runs on wn-1; its node cannot be reached since \d\d:\d\d; HTCondor waits for it "
        r"until \d\d:\d\d, and starts it again elsewhere then",
        told or "",
    )


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("true", ["true"]),
        ("(a) && (b || c)", ["a", "b || c"]),
        ("((a && b) && c)", ["a", "b", "c"]),
        ("a && b || c", ["a && b || c"]),
        ("a && b ? c : d", ["a && b ? c : d"]),
        ("a =?= b && c =!= d", ["a =?= b", "c =!= d"]),
        ("a =?= b && c ? d : e", ["a =?= b && c ? d : e"]),
        ('x == "&& (" && y == "\\" && "', ['x == "&& ("', 'y == "\\" && "']),
        ("f(a && b) && c[d && e]", ["f(a && b)", "c[d && e]"]),
    ],
)
def test_the_parts_that_all_have_to_be_true(expression: str, parts: list[str]) -> None:
    assert conjuncts(expression) == parts


@pytest.mark.parametrize(
    "before", ["", "(Memory > 5 || Cpus > 3) && ", "(false) && ", "TARGET.HasX =?= true && "]
)
def test_new_requirements_leave_those_of_htcondor_alone(before: str) -> None:
    kept = conjuncts(ADDED)
    assert conjuncts(new_requirements(before + ADDED, "Memory > 9")) == ["Memory > 9", *kept]
    assert conjuncts(new_requirements(before + ADDED, None)) == kept


@pytest.mark.parametrize(
    ("changes", "own_limit_s", "after"),
    [
        ({"cpus": 4}, None, "A=1 OMP_NUM_THREADS=4 MKL_NUM_THREADS=4 THESIS_TIME_LIMIT_S=600 Z=2"),
        (
            {"category": "short"},
            None,
            "A=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 Z=2 THESIS_TIME_LIMIT_S=14400",
        ),
        (
            {"category": "short"},
            900,
            "A=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 Z=2 THESIS_TIME_LIMIT_S=900",
        ),
        ({"category": None}, None, "A=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 Z=2"),
        (
            {"memory": "8GB"},
            None,
            "A=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 THESIS_TIME_LIMIT_S=600 Z=2",
        ),
    ],
)
def test_a_job_knows_its_new_cores_and_its_new_time(
    changes: dict[str, Any], own_limit_s: int | None, after: str
) -> None:
    before = "A=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 THESIS_TIME_LIMIT_S=600 Z=2"
    assert new_environment(before, changes, own_limit_s) == after


def test_a_text_becomes_an_expression() -> None:
    assert quoted('a\\b "c"') == '"a\\\\b \\"c\\""'


def test_words_become_what_htcondor_is_told() -> None:
    words = ["memory=8GB", "disk=1 GB", "launcher.cpus=2", "gpus=0", "category=short"]
    assert expressions(read_changes([*words, "priority=-5"])) == {
        "RequestMemory": "8192",
        "RequestDisk": str(1 << 20),
        "RequestCpus": "2",
        "RequestGPUs": "0",
        "JobCategory": '"short"',
        "JobPrio": "-5",
    }
    assert expressions(read_changes(["category=null", "requirements=a"])) == {
        "JobCategory": "undefined"
    }


def test_all_that_is_wrong_with_changes_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        read_changes(["memroy=8GB", "memory=8", "cpus=many", "os=el9", "priority=high", "x"])
    told = str(caught.value)
    for problem in (
        "memroy: there is no such key; did you mean memory?",
        "memory='8': a size with its unit is needed, such as 4GB or 512MB",
        "cpus='many': a whole number, 1 or more, is needed",
        "os: it cannot be changed; what can be: memory, disk",
        "priority='high': a whole number is needed",
        "x: a value is set by key=value",
    ):
        assert problem in told
    with pytest.raises(ConfigError, match="nothing is to be changed"):
        read_changes([])
