"""The recorder takes no row for right that hides what becomes of a run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.condor_recorder import after_the_queue, in_the_queue

IDLE, RUNNING, HELD = 1, 2, 5


@pytest.mark.parametrize(
    ("status", "end", "lives", "true"),
    [
        (IDLE, None, False, {"queued"}),
        (RUNNING, None, True, {"running"}),
        (RUNNING, None, False, {"running", "queued"}),
        (RUNNING, "finished", True, {"finished"}),
        (RUNNING, "failed", True, {"running", "failed"}),
        (IDLE, "failed", False, {"queued"}),
        (IDLE, "stopped", False, {"queued"}),
        (HELD, "failed", False, {"held"}),
        (HELD, "stopped", False, {"held"}),
        (HELD, None, True, {"held", "running"}),
    ],
)
def test_what_is_true_while_the_queue_has_a_job(
    status: int, end: str | None, lives: bool, true: set[str]
) -> None:
    assert in_the_queue(status, end, lives=lives) == true


@pytest.mark.parametrize(
    ("past", "end", "true"),
    [
        ({"JobStatus": 4, "ExitCode": 0}, "finished", {"finished"}),
        ({"JobStatus": 4, "ExitCode": 0}, "stopped", {"stopped"}),
        ({"JobStatus": 4, "ExitCode": 85}, "stopped", {"stopped"}),
        ({"JobStatus": 4, "ExitCode": 2}, "stopped", {"failed"}),
        ({"JobStatus": 4, "ExitCode": 1}, "failed", {"failed"}),
        ({"JobStatus": 4, "ExitCode": 127}, None, {"failed"}),
        ({"JobStatus": 4, "ExitBySignal": True, "ExitSignal": 9}, None, {"lost"}),
        ({"JobStatus": 3, "RemoveReason": "removed with engine"}, None, {"stopped"}),
        ({"JobStatus": 3, "RemoveReason": "via condor_rm"}, None, {"failed"}),
        ({"JobStatus": 3, "RemoveReason": "via condor_rm"}, "stopped", {"stopped"}),
    ],
)
def test_what_is_true_once_a_job_has_left_the_queue(
    past: dict[str, Any], end: str | None, true: set[str]
) -> None:
    assert after_the_queue(past, end) == true
