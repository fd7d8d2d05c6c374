"""What the ads of real jobs tell, as HTCondor 23.9.6 gave them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.facts.evidence import Evidence
from engine.facts.job_report import JobReport, agreed
from engine.facts.state import judge
from engine.launch.condor.ads import read_ad
from engine.launch.condor.why import sentence

COMMON = {"ClusterId": 1, "ProcId": 0, "ThesisRunId": "abc", "NumJobCompletions": 1}
MEMORY = {"MemoryUsage": "((ResidentSetSize + 1023) / 1024)", "ResidentSetSize": 4750}

REQUEUED = {"JobStatus": 1, "ExitCode": 85, "JobCurrentStartDate": 1795823789}
HELD = {"JobStatus": 5, "ExitCode": 143, "LastVacateTime": 1795823793, "HoldReasonCode": 1}
RELEASED = {
    **{"JobStatus": 1, "ExitCode": 143, "LastVacateTime": 1795823793},
    **{"JobCurrentStartDate": 1795823791, "NumHolds": 1, "LastHoldReasonCode": 1},
}
EVICTED = RELEASED | {"LastVacateTime": 1795823801, "JobCurrentStartDate": 1795823799}
STARTED_AGAIN = EVICTED | {"JobStatus": 2, "JobCurrentStartDate": 1795823805}
UNLOGGED = {
    **{"JobStatus": 1, "ExitCode": 0, "TerminationPending": True, "NumShadowExceptions": 2},
    "LastShadowException": "UserLog Unable to log ULOG_JOB_TERMINATED event",
}


@pytest.mark.parametrize(
    ("told", "state", "exit_code", "is_leaving"),
    [
        (REQUEUED, "queued", None, False),
        (HELD, "held", None, False),
        (RELEASED, "queued", None, False),
        (EVICTED, "queued", None, False),
        (STARTED_AGAIN, "running", None, False),
        (UNLOGGED, "ended", 0, True),
        (UNLOGGED | {"JobStatus": 2}, "ended", 0, True),
        (UNLOGGED | {"JobStatus": 4}, "ended", 0, False),
        ({"JobStatus": 4, "ExitCode": 0}, "ended", 0, False),
    ],
)
def test_an_exit_code_is_an_end_only_where_the_job_has_one(
    told: dict[str, Any], state: str, exit_code: int | None, is_leaving: bool
) -> None:
    found = read_ad(COMMON | told)
    assert (found.state, found.exit_code, found.is_leaving) == (state, exit_code, is_leaving)


def test_that_a_log_is_not_written_yet_is_no_reason_why_a_job_ended() -> None:
    found = read_ad(COMMON | UNLOGGED | {"ExitCode": 127})
    told = judge(Evidence(job=found.report(1.0)))
    assert (told.state, told.sentence) == ("failed", "its job ended with exit code 127")
    assert sentence("run", found, {}) == "it is over: HTCondor has not written its log yet"


@pytest.mark.parametrize(
    ("told", "memory"),
    [(MEMORY, 5), (MEMORY | {"MemoryUsage": 7}, 7), ({"MemoryUsage": "x"}, None)],
)
def test_the_memory_that_a_job_took(told: dict[str, Any], memory: int | None) -> None:
    assert read_ad(COMMON | {"JobStatus": 2} | told).memory_mib == memory


@pytest.mark.parametrize("here", [5000.0, 1.0])
def test_what_was_said_is_as_old_as_the_scheduler_tells_whatever_the_clock_here(
    here: float,
) -> None:
    asked = read_ad(COMMON | {"JobStatus": 1, "ServerTime": 1000}).report(here)
    for logged, counts in ((900.0, "queued"), (1100.0, "running")):
        told = agreed(JobReport("running", told=logged), asked)
        assert told is not None
        assert told.state == counts
    assert read_ad(COMMON | {"JobStatus": 4}).report(here).told == here, "history has no clock"
