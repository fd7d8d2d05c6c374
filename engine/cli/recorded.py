"""A training with a launch record of its own, which tells at its end how that came about."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError, FactsError, LaunchError, Stopped
from engine.facts.run_dir import RunDir

if TYPE_CHECKING:
    from engine.launch.job import JobHandle


@contextlib.contextmanager
def recorded(entries: dict[str, Any], run_dir: RunDir) -> Iterator[None]:
    """Write the launch record of what follows, and at its end how that went."""
    from engine.launch.record import write_record

    with completed(write_record(run_dir.launch, entries)):
        yield


@contextlib.contextmanager
def completed(job: JobHandle) -> Iterator[None]:
    """At the end of what follows say in the record of a job how that went."""
    code, reason = 1, None
    try:
        yield
        code = 0
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
        raise
    except Stopped as stop:
        code = stop.exit_code
        raise
    except Exception as error:
        code, reason = getattr(error, "exit_code", 1), reason_of(error)
        raise
    finally:
        complete(job, code, reason)


def was_submitted(run_dir: RunDir) -> bool:
    """Whether a run is HTCondor's, as its launch record tells."""
    from engine.facts.launched import launch_record
    from engine.launch.job import HTCONDOR

    return launch_record(run_dir).get("target") == HTCONDOR


@contextlib.contextmanager
def taken_from_cluster(run_dir: RunDir, overrides: Sequence[str]) -> Iterator[None]:
    """Let a run that was HTCondor's go on here: a job of it that comes late does not begin."""
    from engine.launch.going_on import entries_before
    from engine.launch.job import JobSpec
    from engine.launch.record import new_entries, read_job, write_record

    before = read_job(run_dir.launch)
    if before is None or not was_submitted(run_dir):
        yield
        return
    spec = JobSpec(tuple(overrides), run_dir.path, resume=True, trust=before.trust)
    job = write_record(run_dir.launch, new_entries(spec) | entries_before(run_dir))
    with completed(job):
        yield


def reason_of(error: Exception) -> str:
    """Why a job failed, for its record."""
    if isinstance(error, EngineError):
        return error.message
    return f"{type(error).__name__}: {error}"


def complete(job: JobHandle, code: int, reason: str | None) -> None:
    """Write into the record of a job how it ended; what stood there goes on to hold.

    One that a newer start has taken over says nothing any more.
    """
    from engine.launch.record import amend_if, now, this_process

    own = this_process()
    own = {name: own[name] for name in ("host", "pid", "pid_started")}
    with contextlib.suppress(FactsError, LaunchError):  # the end itself matters more
        end = {"state": "ended", "exit_code": code, "reason": reason, "ended": now()}
        amend_if(job.path, job.id, own, end)
