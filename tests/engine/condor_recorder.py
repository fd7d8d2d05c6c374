"""Compares, again and again, what our tables say of the jobs with what HTCondor itself says."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from engine.facts import RunDir
from engine.launch.jobs import JobFinder
from engine.launch.record import read_job
from tests.engine.condor_pool import Pool

LAG_S = 3.0
"""How old what a table says may be: HTCondor tells its tools and its logs one after the other."""
EVERY_S = 0.3

_STATES = {1: {"queued"}, 2: {"running"}, 3: {"stopped", "failed"}, 5: {"held"}, 6: {"running"}}
_REMOVED = 3
"""Status of a job that was removed, in the history."""
_WAITING = {"queued", "running", "held"}
_OVER = {"finished", "stopped", "failed", "lost"}


class Recorder:
    """Looks from a thread of its own, from when it is entered until it is left.

    Parameters
    ----------
    root
        The output root whose jobs are compared.
    """

    def __init__(self, pool: Pool, root: Path) -> None:
        self.pool, self.root = pool, root
        self.looks = 0
        self.wrong: list[str] = []
        self.seen: dict[str, list[str]] = {}
        """Name of a run to the states that its row had, without repetitions."""
        self._truths: dict[str, list[tuple[float, frozenset[str]]]] = {}
        self._known: dict[str, int] = {}
        self._past: dict[str, Mapping[str, Any]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        finder = JobFinder(self.root)
        while not self._over.is_set():
            self._look(finder)
            self._over.wait(EVERY_S)

    def _look(self, finder: JobFinder) -> None:
        self._ask()
        rows = {job.name: job.state.state for job in finder.refresh()}
        now = time.monotonic()
        self._ask()
        self.looks += 1
        for name, state in rows.items():
            told = self.seen.setdefault(name, [])
            if state is not None and told[-1:] != [state]:
                told.append(state)
            allowed = self._allowed(name, now)
            if allowed and state not in allowed:
                self.wrong.append(f"{name}: {state}, where it was one of {sorted(allowed)}")

    def _allowed(self, name: str, now: float) -> set[str]:
        """What was true at some time since shortly before; nothing where no truth is so old."""
        times = self._truths.get(name, [])
        if not times or times[0][0] > now:
            return set()  # it may have been submitted, and be over, since it was asked before
        recent = [states for at, states in times if at >= now - LAG_S]
        last = [states for at, states in times if at < now - LAG_S][-1:]
        return set().union(*last, *recent)

    def _ask(self) -> None:
        """Note what is true of every run, as its facts and HTCondor's queue and history tell."""
        queue = self._queue()
        for path in self.root.glob("runs/*"):
            job = read_job(RunDir(path).launch)
            if job is None or job.id is None:
                continue
            truth = self._truth(path, job.id, queue)
            told = (time.monotonic(), frozenset(truth))  # asking may take long
            self._truths.setdefault(path.name, []).append(told)

    def _truth(self, path: Path, job_id: str, queue: Mapping[str, int] | None) -> set[str]:
        end = _end_of(path)
        known = self._known.get(job_id)
        if queue is None:  # nobody answers: what was so may be so, or have gone on
            return _WAITING | ({end} if end else set()) | ({"finished"} if known == 2 else set())
        status = queue.get(job_id)
        if status is not None:
            self._known[job_id] = status
            return in_the_queue(status, end, lives=_lives(path))
        past = {} if end == "finished" else self._history(job_id)
        if past is None and known is None:  # it is still to come, or was given up
            return {"queued", "stopped"}
        return _OVER if past is None else after_the_queue(past, end)

    def _queue(self) -> dict[str, int] | None:
        """Id to status of all jobs; None if the scheduler does not answer."""
        ads = self._ads("condor_q", "-allusers")
        if ads is None:
            return None
        return {ad["ThesisRunId"]: ad["JobStatus"] for ad in ads if "ThesisRunId" in ad}

    def _history(self, job_id: str) -> Mapping[str, Any] | None:
        """What the history tells of a job; None where it does not."""
        if job_id not in self._past:
            own = f'ThesisRunId == "{job_id}"'
            for ad in self._ads("condor_history", "-constraint", own) or []:
                self._past[job_id] = ad
        return self._past.get(job_id)

    def _ads(self, program: str, *words: str) -> list[dict[str, Any]] | None:
        try:
            text = self.pool.call(program, *words, "-json", timeout=5)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return None
        ads: list[dict[str, Any]] = json.loads(text or "[]")
        return ads


def in_the_queue(status: int, end: str | None, *, lives: bool) -> set[str]:
    """The states that are true of a run whose job HTCondor has.

    Parameters
    ----------
    status
        Of the job, as HTCondor numbers them.
    end
        The state that its last event ends in.
    lives
        Whether the process of its newest start is there: of a job that is held, or removed, it
        saves.
    """
    if end == "finished":
        return {"finished"}
    told = _STATES.get(status, _WAITING | _OVER)
    if status == 2 and not lives:
        told = told | {"queued"}  # it has a node, and begins there or ends
    if lives:
        told = told | {"running"}
    # What was sent away waits, whatever its facts end in, once nothing of it lives.
    return told | {end} if end and (lives or status == 2) else told


def after_the_queue(past: Mapping[str, Any], end: str | None) -> set[str]:
    """The states that are true of a run whose job HTCondor has no more, as its history has it."""
    if end in ("finished", "failed"):
        return {end}
    if past.get("JobStatus") == _REMOVED:
        ours = str(past.get("RemoveReason")).startswith("removed with engine")
        return {end or ("stopped" if ours else "failed")}
    code = past.get("ExitCode") or 0
    was_killed = past.get("ExitBySignal") is True or code > 128
    if end == "stopped":
        return {end if was_killed or code in (0, 85) else "failed"}
    if was_killed:
        return {"lost"}
    return {"failed"} if code else {"failed", "running"}  # its last words may be on their way


def _end_of(path: Path) -> str | None:
    """The state of a run that its last event ends."""
    try:
        lines = (path / "facts" / "events.jsonl").read_bytes().split(b"\n")
        last = json.loads(lines[-2]) if len(lines) > 1 else {}
    except (OSError, ValueError):
        return None
    if last.get("moment") == "on_train_end":
        return "stopped" if last.get("stopped") else "finished"
    return "failed" if last.get("moment") == "on_exception" else None


def _lives(path: Path) -> bool:
    """Whether the process of its newest start is there."""
    try:
        newest = max((path / "attempts").glob("*.json"), key=lambda one: int(one.stem))
        return Path("/proc", str(json.loads(newest.read_text())["pid"])).exists()
    except (OSError, ValueError):
        return False
