"""Compares, again and again, what our tables say of the jobs with what HTCondor itself says."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from engine.facts import RunDir
from engine.launch.jobs import JobFinder
from engine.launch.record import read_job
from tests.engine.condor_pool import Pool

LAG_S = 3.0
"""How old what a table says may be: HTCondor tells its tools and its logs one after the other."""
EVERY_S = 0.3

_STATES = {1: {"queued"}, 2: {"running"}, 3: {"stopped", "failed"}, 5: {"held"}, 6: {"running"}}
_GONE = {"finished", "stopped", "failed", "lost"}
_SURE = "finished"


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
        """What was true at some time since shortly before."""
        times = self._truths.get(name, [])
        recent = [states for at, states in times if at >= now - LAG_S]
        last = [states for at, states in times if at < now - LAG_S][-1:]
        return set().union(*last, *recent)

    def _ask(self) -> None:
        """Note what is true of every run: its facts end it, else HTCondor's queue tells."""
        at = time.monotonic()
        queue = self._queue()
        for path in self.root.glob("runs/*"):
            job = read_job(RunDir(path).launch)
            if job is None or job.id is None:
                continue
            end, truth = _end_of(path), self._truth(path, job.id, queue)
            # One that saved and ended as its job was sent away goes on.
            truth = truth | end if "stopped" in end else end or truth
            self._truths.setdefault(path.name, []).append((at, frozenset(truth)))

    def _truth(self, path: Path, job_id: str, queue: Mapping[str, int] | None) -> set[str]:
        if queue is None:  # nobody answers: what was so may be so, or have gone on
            known = self._known.get(job_id)
            return {"queued", "running", "held"} | ({_SURE} if known == 2 else set())
        status = queue.get(job_id)
        if status is not None:
            self._known[job_id] = status
            if status == 2 and not _lives(path):  # it has a node, and begins there or ends
                return {"queued", "running"}
            return _STATES.get(status, {"queued", "running", "held", *_GONE})
        return _GONE if job_id in self._known else _GONE | {"queued"}

    def _queue(self) -> dict[str, int] | None:
        """Id to status of all jobs; None if the scheduler does not answer."""
        try:
            text = self.pool.call("condor_q", "-allusers", "-json", timeout=5)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return None
        ads = json.loads(text or "[]")
        return {ad["ThesisRunId"]: ad["JobStatus"] for ad in ads if "ThesisRunId" in ad}


def _end_of(path: Path) -> set[str]:
    """The state of a run that its last event ends."""
    try:
        lines = (path / "facts" / "events.jsonl").read_bytes().split(b"\n")
        last = json.loads(lines[-2]) if len(lines) > 1 else {}
    except (OSError, ValueError):
        return set()
    if last.get("moment") == "on_train_end":
        return {"stopped"} if last.get("stopped") else {"finished"}
    return {"failed"} if last.get("moment") == "on_exception" else set()


def _lives(path: Path) -> bool:
    """Whether the process of its newest start is there."""
    try:
        newest = max((path / "attempts").glob("*.json"), key=lambda one: int(one.stem))
        return Path("/proc", str(json.loads(newest.read_text())["pid"])).exists()
    except (OSError, ValueError):
        return False
