"""The state of a run, told from evidence, with one sentence for a human.

It is never stored: whatever is written down about a process is wrong once the process is killed.
"""

from __future__ import annotations

from dataclasses import replace

from engine.errors import FactsError
from engine.facts.attempts import Attempt
from engine.facts.evidence import (
    ENDS,
    JUST_NOW_S,
    SILENT_S,
    Evidence,
    gather,
)
from engine.facts.job_report import OVER as JOB_OVER
from engine.facts.job_report import JobReport
from engine.facts.job_state import after_end, job_over, next_start_failed, waiting
from engine.facts.last_seen import LastSeen
from engine.facts.run_dir import RunDir
from engine.facts.verdict import CUT_OFF, KILLED, NODE_GONE, OUT_OF_MEMORY, RESTARTED, RunState
from engine.facts.words import count, first_line, in_words

STATES = ("queued", "held", "running", "finished", "stopped", "failed", "lost")

UNDER_WAY = ("queued", "held", "running")
"""Somebody, or a scheduler, still works on it."""
ENDED = ("finished", "stopped", "failed")
"""The training said how it ended; only a new start leaves these."""
OVER = (*ENDED, "lost")
"""Nothing more is to come."""
BADLY = ("failed", "lost")
"""Over, and not as anybody meant it."""
RESUMABLE = ("stopped", "failed", "lost")
"""Over, with something left to do."""


def run_state(
    run_dir: RunDir, seen: LastSeen, job: JobReport | None = None, now: float | None = None
) -> RunState:
    """The state of a run.

    Parameters
    ----------
    seen
        What the facts say last.
    job
        What a launcher says about its job; None if there is none, or it could not be asked.
    now
        Unix seconds; the present by default.

    Raises
    ------
    FactsError
        If nothing tells of a run there, or it may have ended in events that cannot be read.
    """
    evidence = gather(run_dir, seen, job, now)
    told = judge(evidence)
    if evidence.hidden and told.state == "lost":
        raise FactsError(
            f"cannot read {run_dir.events}: {evidence.hidden}",
            "How the run went on is written there; ask its owner for permission to read it.",
        )
    return told


def judge(evidence: Evidence) -> RunState:
    """The state that the evidence speaks for; a pure function."""
    seen = evidence.seen
    ended = _ended(seen) if seen.moment in ENDS else None
    if ended and not evidence.reopened:
        return after_end(evidence, ended)
    told = _open_state(evidence)
    if ended and told.state in ("lost", "failed"):
        nothing = replace(ended, sentence=f"{ended.sentence}; a later start came to nothing")
        return next_start_failed(ended, evidence.job) or nothing
    return replace(told, sentence=told.sentence + _remarks(evidence, told))


def _ended(seen: LastSeen) -> RunState:
    """What the facts say about the end."""
    if seen.moment == "on_exception":
        error = first_line(seen.error) if isinstance(seen.error, str) else ""
        return RunState("failed", f"failed: {error}" if error else "failed and did not say why")
    epochs = count(seen.epochs_done, "epoch")
    if not seen.stopped:
        return RunState("finished", f"finished {epochs}" if epochs else "finished")
    over = "; its time was over" if seen.starts_again else ""
    return RunState("stopped", f"stopped{seen.after_epochs}{over}")


def _open_state(evidence: Evidence) -> RunState:
    """The state of a run whose facts do not end: the strongest evidence first."""
    here, job, is_copy = evidence.process, evidence.job, _is_copy(evidence)
    if not is_copy and ((here == "alive" and not evidence.moved_from) or evidence.rival):
        return RunState("running", f"{_last_event(evidence)}{_whereabouts(evidence)}")
    beats = not is_copy and _beats_elsewhere(evidence, JUST_NOW_S)
    if job and job.state in ("queued", "held") and not beats:
        return waiting(evidence, job)
    if job and job.state in JOB_OVER:
        return job_over(evidence, job)
    gone = here in ("gone", "reused", "rebooted") or bool(evidence.moved_from)
    on_same_host = job and evidence.attempt and job.host == evidence.attempt.host
    moved = evidence.moved_from and on_same_host and not (job and job.reason)
    if job and job.state == "running" and not (is_copy or moved):
        return _job_running(evidence, job)
    if is_copy or gone or not _younger(evidence, _patience_s(evidence)):
        return _lost(evidence)
    return RunState("running", f"{_last_event(evidence)}{_whereabouts(evidence)}")


def _is_copy(evidence: Evidence) -> bool:
    """Whether the times of the files are no signs of life."""
    changed = evidence.rewritten and evidence.process != "alive"
    return bool(evidence.copied_from) or changed


def _job_running(evidence: Evidence, job: JobReport) -> RunState:
    """A job that runs, whatever its training says."""
    where = f" on {first_line(job.host)}" if job.host else ""
    cause = CUT_OFF if job.is_cut_off else None
    if _beats_elsewhere(evidence, _patience_s(evidence)):
        return RunState("running", f"{_last_event(evidence)}{_whereabouts(evidence)}", cause)
    on_same_host = evidence.attempt and job.host == evidence.attempt.host
    if on_same_host and evidence.process in ("gone", "reused", "rebooted") and not job.reason:
        untold = "HTCondor has not told what becomes of its job: engine jobs asks"
        return RunState("running", f"{_last_event(evidence)}{_whereabouts(evidence)}; {untold}")
    return RunState("running", f"{_last_event(evidence)}; its job is running{where}", cause)


def _lost(evidence: Evidence) -> RunState:
    """A run that vanished; a cause that the evidence does not name is a guess, and told as one."""
    sentence = f"{_last_event(evidence)}{_whereabouts(evidence)}"
    if evidence.moved_from or _is_copy(evidence):
        return RunState("lost", sentence)
    if evidence.process == "rebooted":
        return RunState("lost", sentence, RESTARTED)
    if evidence.memory_full:
        return RunState("lost", f"{sentence}; probably {OUT_OF_MEMORY}", OUT_OF_MEMORY)
    if evidence.process in ("gone", "reused"):
        return RunState("lost", f"{sentence}; probably {KILLED}", KILLED)
    return RunState("lost", sentence, NODE_GONE if evidence.process == "elsewhere" else None)


def _last_event(evidence: Evidence) -> str:
    """How long ago the last event was written."""
    if evidence.starting and evidence.process == "alive":
        return "starting"
    if evidence.starting:
        again = " again" if evidence.seen.moment is not None else ""
        return f"launched{again}, and ended before it began"
    if evidence.no_event_since and evidence.seen.moment is not None:
        return "no event since it was started again"
    if evidence.hidden:
        return "no event that can be read"
    if evidence.events_age_s is None:
        return "no event yet"
    age, usual = evidence.events_age_s, evidence.seen.rhythm_s
    if age <= evidence.seen.quiet_s:
        return f"last event {in_words(age)} ago"
    rhythm = f", usually every {in_words(max(1, usual))}" if usual else ""
    return f"no event for {in_words(age)}{rhythm}"


def _whereabouts(evidence: Evidence) -> str:
    """What is known about the process, or the lack of one."""
    attempt = evidence.attempt
    if evidence.copied_from and not evidence.moved_from:
        copied = f"the directory was copied from {first_line(evidence.copied_from)}"
        return f"; {copied}, and nothing trains here"
    if _is_copy(evidence) and not evidence.moved_from:
        return "; its files are younger than that, as those of a copy are, and nothing trains here"
    if attempt is None:
        if evidence.events_age_s is not None or evidence.begun_age_s is None:
            return ""
        return f", {in_words(evidence.begun_age_s)} after its start"
    process = f"process {attempt.pid}"
    if evidence.moved_from:
        moved = "the directory was moved or copied from"
        return f"; {moved} {first_line(evidence.moved_from)}, where {process} trains"
    host = first_line(attempt.host) or "its machine"
    told = {
        "alive": f"; {process} is alive",
        "gone": f"; {process} on this host is gone",
        "reused": f"; {process} on this host is gone, and its id is another's",
        "rebooted": "; this host was restarted",
    }.get(evidence.process or "")
    if told:
        return told
    age = evidence.heartbeat_age_s
    if age is None:
        return f" on {host}"
    if _younger(evidence, _patience_s(evidence)):
        return f"; {host} gave a sign of life {in_words(age)} ago"
    return f"; {host} is gone or cut off, its last sign of life {in_words(age)} ago"


def _remarks(evidence: Evidence, told: RunState) -> str:
    """What else is worth knowing."""
    remarks = ""
    if evidence.rival:
        remarks += f"; two writers: {_name(evidence.rival)} is alive as well"
    job = evidence.job
    if told.state == "running" and job and job.state == "running" and job.reason:
        remarks += f"; {first_line(job.reason)}"
    if told.state == "running" and evidence.stop_asked:
        remarks += "; asked to stop"
    if evidence.silent_s is not None and evidence.silent_s < -JUST_NOW_S:
        remarks += f"; the clock here is {in_words(-evidence.silent_s)} behind that of the files"
    return remarks


def _name(attempt: Attempt) -> str:
    return f"attempt {attempt.number} (process {attempt.pid} on {first_line(attempt.host)})"


def _younger(evidence: Evidence, limit_s: float) -> bool:
    """Whether the last sign of life is younger; a time to come is."""
    return evidence.silent_s is not None and evidence.silent_s <= limit_s


def _beats_elsewhere(evidence: Evidence, limit_s: float) -> bool:
    """Whether a process that cannot be looked at gave a heartbeat within the limit.

    One that is to come tells nothing: the clock of the files is ahead of ours.
    """
    age = evidence.heartbeat_age_s
    is_there = evidence.process in ("elsewhere", "unknown")
    return is_there and age is not None and -JUST_NOW_S <= age <= limit_s


def _patience_s(evidence: Evidence) -> float:
    """After how long a silence a training that cannot be looked at counts as gone."""
    if evidence.heartbeat_age_s is not None and not evidence.seen.rhythm_s:
        return SILENT_S
    return max(SILENT_S, evidence.seen.quiet_s)
