"""The event log of a job: what it tells, however it is cut, damaged or written anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.facts.condor_events import LoggedJob, seconds_of
from engine.facts.condor_log import LogReader

REAL = Path(__file__).parents[1] / "golden" / "condor" / "requeued_evicted_held_removed.log"
"""What a pool wrote of a job that ended with 85, was evicted, held, released and removed."""

SUBMIT = """\
000 (012.000.000) 2026-11-27 21:03:52 Job submitted from host: <127.0.0.1:39761?alias=login>
    run abc
...
"""
EXECUTE = """\
001 (012.000.000) 2026-11-27 21:03:55 Job executing on host: <127.0.0.1:41369?alias=wn-1>
\tSlotName: slot1_1@wn-1
\tCpus = 1
...
"""
TERMINATED = """\
005 (012.000.000) 2026-11-27 21:04:09 Job terminated.
\t(1) Normal termination (return value 3)
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Remote Usage
\tJob terminated of its own accord at 2026-11-27T20:55:09Z with exit-code 3.
...
"""
KILLED = """\
005 (012.000.000) 2026-11-27 21:04:09 Job terminated.
\t(0) Abnormal termination (signal 9)
\t(0) No core file
...
"""
HELD = """\
012 (012.000.000) 2026-11-27 21:04:01 Job was held.
\tError from slot1_1@wn-1: memory usage exceeded request_memory
\tCode 34 Subcode 102
...
"""
RELEASED = """\
013 (012.000.000) 2026-11-27 21:04:02 Job was released.
\tvia condor_release (by user daemon)
...
"""
REMOVED = """\
009 (012.000.000) 2026-11-27 21:04:00 Job was aborted.
\tvia condor_rm (by user daemon)
...
"""
DISCONNECTED = """\
022 (012.000.000) 2026-11-27 21:04:03 Job disconnected, attempting to reconnect
    Socket between submit and execute hosts closed unexpectedly
    Trying to reconnect to slot1_1@wn-1 <127.0.0.1:41369>
...
"""
RECONNECTED = """\
023 (012.000.000) 2026-11-27 21:04:04 Job reconnected to slot1_1@wn-1
    startd address: <127.0.0.1:41369>
...
"""
RECONNECT_FAILED = """\
024 (012.000.000) 2026-11-27 21:04:04 Job reconnection failed
    Job disconnected too long: JobLeaseDuration (30 seconds) expired
    Can not reconnect to slot1_1@wn-1, rescheduling job
...
"""
SHADOW = """\
007 (012.000.000) 2026-11-27 21:04:04 Shadow exception!
\tFailed to write to user log file
\t0  -  Run Bytes Sent By Job
...
"""
SIZE = """\
006 (012.000.000) 2026-11-27 21:03:57 Image size of job updated: 125
\t512  -  MemoryUsage of job (MB)
\t4660  -  ResidentSetSize of job (KB)
...
"""
CLUSTER = """\
035 (012.-01.-01) 2026-11-27 21:03:52 Cluster submitted from host: <127.0.0.1:39761>
...
"""
OTHERS = """\
021 (012.000.000) 2026-11-27 21:04:00 Error from starter on slot1_1@wn-1:
\tFailed to open '/x/job.out' as standard output
...
028 (012.000.000) 2026-11-27 21:04:00 Job ad information event triggered.
RunId = "abc"
...
040 (012.000.000) 2026-11-27 21:04:00 Started transferring input files
...
002 (012.000.000) 2026-11-27 21:04:00 (0) Job file not executable.
...
"""


def told(text: str | bytes, run_id: str | None = None) -> LoggedJob:
    """The newest job of a log that is read at once."""
    Path("job.log").write_bytes(text.encode() if isinstance(text, str) else text)
    reader = LogReader("job.log")
    reader.read()
    jobs = list(reader.jobs.values())
    job = jobs[-1] if run_id is None else reader.find(run_id, None)
    assert job is not None
    return job


def test_a_job_whose_submission_the_log_lost_is_known_by_its_number_alone() -> None:
    older = TERMINATED.replace("012.000", "011.000")
    Path("job.log").write_text(older)
    reader = LogReader("job.log")
    reader.read()
    assert reader.find("abc", None) is None, "a new start, whose number is not known yet"
    assert reader.find("abc", "12.0") is None, "a new start, of which the log says nothing"
    known = reader.find("abc", "11.0")
    assert known is not None
    assert known.state == "ended"


def test_a_job_that_ran_and_ended() -> None:
    job = told(SUBMIT + EXECUTE + SIZE + TERMINATED)
    assert (job.id, job.run_id, job.state, job.exit_code, job.signal) == (
        "12.0",
        "abc",
        "ended",
        3,
        None,
    )
    assert (job.host, job.starts, job.memory_mib) == ("wn-1", 1, 512)
    assert job.submitted is not None and job.started is not None and job.over is not None  # noqa: PT018
    assert (job.started - job.submitted, job.over - job.started) == (3, 14)


@pytest.mark.parametrize(
    ("events", "state", "reason"),
    [
        ((SUBMIT,), "queued", None),
        ((SUBMIT, EXECUTE), "running", None),
        ((SUBMIT, EXECUTE, OTHERS, CLUSTER), "running", None),
        (
            (SUBMIT, EXECUTE, HELD),
            "held",
            "it took more memory than it asked for: "
            "Error from slot1_1@wn-1: memory usage exceeded request_memory",
        ),
        ((SUBMIT, HELD, RELEASED), "queued", None),
        ((SUBMIT, HELD, RELEASED, EXECUTE), "running", None),
        ((SUBMIT, EXECUTE, DISCONNECTED), "running", "its node cannot be reached since 21:04"),
        ((SUBMIT, EXECUTE, DISCONNECTED, RECONNECTED), "running", None),
        (
            (SUBMIT, EXECUTE, DISCONNECTED, RECONNECT_FAILED),
            "queued",
            "Job disconnected too long: JobLeaseDuration (30 seconds) expired",
        ),
        ((SUBMIT, EXECUTE, SHADOW), "queued", "Failed to write to user log file"),
        ((SUBMIT, EXECUTE, KILLED), "ended", None),
        ((TERMINATED,), "ended", None),
    ],
)
def test_the_last_events_tell_the_state(
    events: tuple[str, ...], state: str, reason: str | None
) -> None:
    report = told("".join(events)).report()
    assert report is not None
    assert (report.state, report.reason) == (state, reason)


def test_a_reason_of_several_lines_is_one_line() -> None:
    held = HELD.replace("memory usage exceeded", "memory usage\n\texceeded")
    assert told(SUBMIT + held).reason == told(SUBMIT + HELD).reason
    removed = REMOVED.replace("via condor_rm", "no use:\n\tsee the other one")
    assert told(SUBMIT + removed).reason == "no use: see the other one (by user daemon)"


def test_a_hold_has_its_codes_and_a_signal_its_number() -> None:
    held = told(SUBMIT + EXECUTE + HELD)
    assert (held.hold_code, held.hold_subcode) == (34, 102)
    assert told(SUBMIT + HELD + RELEASED).hold_code is None
    assert told(SUBMIT + EXECUTE + KILLED).signal == 9


def test_the_log_of_a_real_pool() -> None:
    text = REAL.read_text()
    job = told(text)
    assert (job.state, job.reason) == ("removed", "no more (by user daemon)")
    assert (job.starts, job.host, job.run_id, job.memory_mib) == (4, "vm", "abc", 5)
    seen = []
    for end in range(text.count("...\n") + 1):
        state = told("...\n".join([*text.split("...\n")[: end + 1][:-1], ""]) or SUBMIT).state
        seen += [] if seen[-1:] == [state] else [state]
    again = ["queued", "running"]
    assert seen == [*again, *again, *again, "queued", "held", *again, "queued", "removed"]


def test_exit_85_is_no_end() -> None:
    text = REAL.read_text()
    job = told(text[: text.index("...\n001 (002.000.000) 2026-11-27 21:03:56") + 4])
    assert (job.state, job.reason, job.exit_code) == (
        "queued",
        "exit code 85, to be started again",
        None,
    )


@given(st.lists(st.integers(0, len(REAL.read_bytes())), max_size=20))
@settings(max_examples=40)
def test_a_log_tells_the_same_however_it_comes(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    data, path = REAL.read_bytes(), tmp_path_factory.mktemp("log") / "job.log"
    growing = LogReader(path)
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        with open(path, "ab") as file:
            file.write(data[start:end])
        growing.read()
        at_once = LogReader(path)
        at_once.read()
        assert growing.jobs == at_once.jobs
    assert growing.jobs[2, 0].state == "removed"


@given(st.binary(max_size=60), st.integers(0, 60))
@settings(max_examples=100)
def test_garbage_hides_no_event_that_follows(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes, lines: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "job.log"
    before = b"".join(REAL.read_bytes().splitlines(keepends=True)[:lines])
    path.write_bytes(before + garbage + b"\n" + TERMINATED.encode())
    reader = LogReader(path)
    reader.read()
    assert reader.jobs[12, 0].exit_code == 3


def test_zeros_before_an_event_are_skipped() -> None:
    assert told(SUBMIT.encode() + b"\0" * 4096 + TERMINATED.encode()).exit_code == 3


def test_an_event_that_is_not_whole_is_not_there_yet() -> None:
    reader = LogReader("job.log")
    assert not reader.read()
    assert not reader.jobs
    Path("job.log").write_text(SUBMIT + TERMINATED.removesuffix("...\n"))
    assert reader.read()
    assert reader.jobs[12, 0].state == "queued"
    with open("job.log", "a") as file:
        file.write("...\n")
    assert reader.read()
    assert reader.jobs[12, 0].state == "ended"
    assert not reader.read(), "nothing new"


def test_a_log_that_was_written_anew_is_read_anew() -> None:
    Path("job.log").write_text(SUBMIT + EXECUTE)
    reader = LogReader("job.log")
    reader.read()
    Path("new").write_text(SUBMIT.replace("(012.", "(013."))
    os.replace("new", "job.log")
    assert reader.read()
    assert list(reader.jobs) == [(13, 0)]


def test_a_later_job_in_the_same_log_is_the_one_that_counts() -> None:
    second = (SUBMIT + EXECUTE).replace("(012.", "(013.").replace("run abc", "run def")
    text = SUBMIT + EXECUTE + second + TERMINATED
    assert (told(text).id, told(text).state) == ("13.0", "running")
    assert (told(text, "abc").id, told(text, "abc").state) == ("12.0", "ended")


def test_control_characters_in_a_reason_are_taken_out() -> None:
    job = told(SUBMIT + HELD.replace("memory usage", "\x1b[31mmemory\x07 usage"))
    assert job.reason == "Error from slot1_1@wn-1: memory usage exceeded request_memory"


def test_times_of_all_forms() -> None:
    assert seconds_of("2026-11-27 21:03:52.5") == (seconds_of("2026-11-27 21:03:52") or 0) + 0.5
    assert seconds_of("2026-11-27 21:03:52Z") == 1795813432
    assert seconds_of("11/27 21:03:52") is None
