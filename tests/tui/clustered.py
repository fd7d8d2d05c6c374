"""Runs that HTCondor has, and a queue that says what a test has it say."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.launch.condor.ads import QueuedJob
from engine.launch.condor.queue import Told, View
from engine.launch.job import HTCONDOR, JobHandle

QUEUED = QueuedJob("", "", "queued", since_s=300.0, queued_s=300.0, memory_asked_mib=4096)
RUNNING = replace(QUEUED, state="running", host="wn-7.example", memory_mib=1800)
HELD = replace(
    QUEUED, state="held", reason="it took more memory than it asked for: 4.1 GB",
    hold_code=34, hold_subcode=102, memory_mib=4200,
)  # fmt: skip


def submitted_run(root: Path, number: int, state: str = "queued", **more: Any) -> Path:
    """A run directory as a submission leaves it; `number` is that of its job."""
    path = root / "runs" / f"run_20260105-09300{number}_ae"
    path.mkdir(parents=True)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    entries = {
        "schema_version": 1, "id": f"{number:032x}", "kind": "run", "target": HTCONDOR,
        "state": state, "submitted": now, "command": "engine submit", "overrides": [],
        "job_id": f"{number}.0", "schedd": "taai",
    }  # fmt: skip
    (path / "launch.json").write_text(json.dumps(entries | more))
    return path


class FakeQueue:
    """Says of each job what stands in `says`, by the number of the job."""

    def __init__(self, **says: QueuedJob) -> None:
        self.says = {name.removeprefix("job"): job for name, job in says.items()}
        self.looks = self.actions = 0
        self.told = time.time()
        self.silent = self.watched = self.closed = False

    @property
    def wait_s(self) -> float:
        return 0.05

    def acted(self) -> None:
        self.actions += 1

    def close(self) -> None:
        self.closed = True

    def look(self, jobs: Iterable[JobHandle]) -> View:
        self.looks += 1
        found: dict[str, QueuedJob] = {}
        for job in jobs:
            number = (job.job_id or "").partition(".")[0]
            if number in self.says:
                known = self.says[number]
                found[job.id or ""] = replace(known, run_id=job.id or "", job_id=job.job_id or "")
        since = time.time() if self.silent else None
        told = Told("taai", time.time(), since, "no answer" if self.silent else None)
        return View(found, dict.fromkeys(found, self.told), (told,))
