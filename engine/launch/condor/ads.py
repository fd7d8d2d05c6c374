"""What HTCondor's queue, and its history, tell of one of our jobs: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import LaunchError
from engine.facts.holds import SPOOLING, hold_words
from engine.facts.job_report import OVER, JobReport
from engine.facts.records import is_id
from engine.facts.words import first_line
from engine.launch.condor.submit import ID_ATTRIBUTE, SWEEP_ATTRIBUTE
from engine.launch.job import JobHandle

OURS = f"{ID_ATTRIBUTE} =!= undefined"
"""Constraint that all our jobs fulfil, and no others."""

WANTED = (
    *("ClusterId", "ProcId", ID_ATTRIBUTE, SWEEP_ATTRIBUTE, "JobStatus", "RemoteHost"),
    *("HoldReason", "HoldReasonCode", "HoldReasonSubCode", "RemoveReason"),
    *("QDate", "EnteredCurrentStatus", "NumJobStarts", "TerminationPending"),
    *("ExitCode", "ExitSignal", "MemoryUsage", "ResidentSetSize", "RequestMemory"),
    "JobPrio",
)
"""Attributes that are asked for."""

_NEXT = "JobMaterializeNextProcId"
"""Attribute of a cluster whose jobs HTCondor makes a few at a time, once it has begun to."""

CLUSTERS = "ProcId =?= undefined && JobMaterializeLimit =!= undefined"
"""Constraint that such a cluster fulfils from its submission on, and no job."""
WANTED_OF_CLUSTERS = ("ClusterId", ID_ATTRIBUTE, _NEXT)

_STATES = {
    1: "queued",
    2: "running",
    3: "removed",
    4: "ended",
    5: "held",
    6: "running",  # what it made is sent
    7: "queued",  # suspended
}
_UNDER_WAY = (1, 2)


@dataclass(frozen=True)
class QueuedJob:
    """A job as its scheduler tells it; None where it does not."""

    run_id: str
    """Of the launch record."""
    job_id: str
    """What the cluster calls it: `12.0`."""
    state: str
    """`queued`, `held`, `running`, `removed` or `ended`."""
    sweep_id: str | None = None
    host: str | None = None
    """Where it runs."""
    reason: str | None = None
    """Why it is held or was removed, in words."""
    hold_code: int | None = None
    hold_subcode: int | None = None
    since_s: float | None = None
    """How long it was in this state when the scheduler answered, by the scheduler's clock."""
    queued_s: float | None = None
    """How long it had been submitted then."""
    starts: int | None = None
    """As the scheduler counts, which forgets some when it is started again."""
    exit_code: int | None = None
    signal: int | None = None
    memory_mib: int | None = None
    """What it took, at most."""
    memory_asked_mib: int | None = None
    priority: int | None = None
    said: float | None = None
    """Unix seconds of the answer by the scheduler's clock, which the queue's answers alone tell."""
    is_leaving: bool = False
    """Whether it is over, and the queue has it still: HTCondor has not written its log yet."""

    def report(self, told: float | None = None) -> JobReport:
        """The same for the state of a run, as said at `told` where the scheduler does not tell.

        Its clock is set as that of a file server is; the one of who asks may be an hour off, and
        what was asked for would be older, or newer, than a log that tells otherwise.
        """
        said = told if self.said is None or self.state in OVER else self.said
        return JobReport(self.state, self.reason, self.host, self.exit_code, self.signal, said)


@dataclass(frozen=True)
class Cluster:
    """A cluster of which HTCondor makes a few jobs at a time, as its scheduler tells it."""

    number: int
    first_id: str
    """Of the launch record of its job 0."""
    next_job: int
    """The number of the job that is made next: this one and all after it are still to come."""


def read_cluster(ad: Mapping[str, Any]) -> Cluster:
    """The cluster of an ad with the attributes `WANTED_OF_CLUSTERS`."""
    first_id = _text(ad, ID_ATTRIBUTE) or ""
    return Cluster(_number(ad, "ClusterId") or 0, first_id, _number(ad, _NEXT) or 0)


def one_of(run_ids: Iterable[str | None]) -> str:
    """Constraint that the jobs with these ids fulfil, and they alone.

    The ad of a cluster whose jobs are still to come has the attributes of the first of them:
    whatever is done to that ad is done to all that are to come.

    Raises
    ------
    LaunchError
        If one is no id: as part of an expression it could mean other jobs.
    """
    return f"ProcId =!= undefined && {_is_member(ID_ATTRIBUTE, run_ids)}"


def of_sweeps(sweep_ids: Iterable[str | None]) -> str:
    """Constraint that the jobs of these sweeps fulfil, and their clusters, with all to come.

    Raises
    ------
    LaunchError
        If one is no id.
    """
    return _is_member(SWEEP_ATTRIBUTE, sweep_ids)


def of_clusters(numbers: Iterable[int]) -> str:
    """Constraint that these clusters fulfil, with all their jobs."""
    return f"member(ClusterId, {{{', '.join(map(str, numbers))}}})"


def _is_member(attribute: str, ids: Iterable[str | None]) -> str:
    known = list(ids)
    if not all(map(is_id, known)):
        raise LaunchError("a job cannot be asked about: its record has no id", "It is damaged.")
    listed = ", ".join(f'"{one}"' for one in known)
    return f"member({attribute}, {{{listed}}})"


def read_ad(ad: Mapping[str, Any]) -> QueuedJob:
    """The job of an ad with the attributes `WANTED`."""
    state = _STATES.get(_number(ad, "JobStatus") or 0, "queued")
    state, reason = _as_it_is(ad, state)
    code, subcode = _number(ad, "HoldReasonCode"), _number(ad, "HoldReasonSubCode")
    held, over = state == "held", state == "ended"
    host = _text(ad, "RemoteHost") if state == "running" else None
    return QueuedJob(
        run_id=_text(ad, ID_ATTRIBUTE) or "",
        job_id=f"{_number(ad, 'ClusterId')}.{_number(ad, 'ProcId') or 0}",
        state=state,
        sweep_id=_text(ad, SWEEP_ATTRIBUTE),
        host=host.rpartition("@")[2] if host else None,
        reason=reason,
        hold_code=code if held else None,
        hold_subcode=subcode if held else None,
        since_s=_age(ad, "EnteredCurrentStatus"),
        queued_s=_age(ad, "QDate"),
        starts=_number(ad, "NumJobStarts"),
        exit_code=_number(ad, "ExitCode") if over else None,
        signal=_number(ad, "ExitSignal") if over else None,
        memory_mib=_memory_mib(ad),
        memory_asked_mib=_number(ad, "RequestMemory"),
        priority=_number(ad, "JobPrio"),
        said=_seconds(ad, "ServerTime"),
        is_leaving=over and _number(ad, "JobStatus") in _UNDER_WAY,
    )


def by_id(ads: Iterable[Mapping[str, Any]]) -> dict[str, QueuedJob]:
    """Id of the launch record to the job, of the ads of our jobs; of several ads the last."""
    return {job.run_id: job for job in map(read_ad, ads) if job.run_id}


def recorded(job: JobHandle) -> QueuedJob:
    """A job as its record has it, which is older than whatever its log says."""
    host = job.host if job.state == "running" else None
    return QueuedJob(job.id or "", job.job_id or "", job.state or "", job.sweep_id, host, said=0.0)


def _as_it_is(ad: Mapping[str, Any], state: str) -> tuple[str, str | None]:
    """The state with its reason; some have another meaning than their number says."""
    if state == "held":
        code, subcode = _number(ad, "HoldReasonCode"), _number(ad, "HoldReasonSubCode")
        if code == SPOOLING:
            return "queued", "its files are on their way"
        return state, hold_words(code, subcode, _text(ad, "HoldReason")) or None
    if state == "removed":
        return state, _text(ad, "RemoveReason")
    # An exit code alone is no end: an eviction, or a start before, leaves one as well.
    if _number(ad, "JobStatus") in _UNDER_WAY and ad.get("TerminationPending") is True:
        return "ended", None
    return state, None


def _memory_mib(ad: Mapping[str, Any]) -> int | None:
    """What it took; HTCondor's own word for that is an expression of another attribute."""
    told, kib = _number(ad, "MemoryUsage"), _number(ad, "ResidentSetSize")
    return told if told is not None or kib is None else -(-kib // 1024)


def _age(ad: Mapping[str, Any], since: str) -> float | None:
    begun, now = _number(ad, since), _number(ad, "ServerTime")
    return None if begun is None or now is None else float(max(0, now - begun))


def _seconds(ad: Mapping[str, Any], name: str) -> float | None:
    value = _number(ad, name)
    return None if value is None else float(value)


def _number(ad: Mapping[str, Any], name: str) -> int | None:
    value = ad.get(name)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(ad: Mapping[str, Any], name: str) -> str | None:
    value = ad.get(name)
    return first_line(" ".join(value.split())) or None if isinstance(value, str) else None
