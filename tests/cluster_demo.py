"""Runs of a day on HTCondor, and what its queue says of them: for the docs' pictures.

Nothing was submitted, and nothing was trained.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from omegaconf import OmegaConf

from engine.config.compose import compose
from engine.facts import RunDir
from engine.launch.condor.ads import QueuedJob
from engine.launch.job import HTCONDOR
from tests.bench.tree import write_run
from tests.demo import HOUR, MINUTE, Plan, events_of
from tests.tui.clustered import FakeQueue
from tui.queue_feed import QueueFeed

SCHEDD = "taai-007"
_HOSTS = ("wn-lot-008", "wn-pijl-004", "wn-lot-011")

_WAITS = QueuedJob("", "", "queued", since_s=11 * MINUTE, memory_asked_mib=4096)
_RUNS = replace(_WAITS, state="running", since_s=40 * MINUTE, memory_mib=2170)
_HELD = replace(
    _WAITS, state="held", since_s=26 * MINUTE, memory_mib=4210, memory_asked_mib=4096,
    reason="it took more memory than it asked for: memory usage exceeded request_memory",
    hold_code=34, hold_subcode=102,
)  # fmt: skip


def make_cluster_demo(root: Path) -> None:
    """Past runs, and jobs that run, wait and are held, below a root."""
    now = time.time()
    for number in range(12):
        plan = Plan(epochs=40, seed=number + 1, age_s=30 * HOUR + number * HOUR)
        _make(root, plan, now, 160 + number, memory_mib=1900 + 40.0 * number)
    for number, (space, done) in enumerate((("vq", 23), ("none", 31))):
        plan = Plan(space=space, epochs=60, done=done, age_s=done * 52.0, end=None)
        _make(root, plan, now, 181 + number, memory_mib=2100.0)
    for number, (space, age_s) in enumerate((("linear", 35 * MINUTE), ("vq", 11 * MINUTE))):
        plan = Plan(space=space, epochs=60, done=0, age_s=age_s, end=None, seed=number + 4)
        _submitted(root, plan, now, 183 + number)


@contextmanager
def queue_of_demo() -> Iterator[None]:
    """The app asks a queue that knows the jobs of the demo."""
    says = {
        "job181": replace(_RUNS, host=_HOSTS[0]),
        "job182": replace(_RUNS, host=_HOSTS[1], memory_mib=1930),
        "job183": _HELD,
        "job184": _WAITS,
    }
    feed = partial(QueueFeed, queue=FakeQueue(**says), first_s=0.0)
    with patch("tui.app.QueueFeed", feed):
        yield


def _make(root: Path, plan: Plan, now: float, number: int, memory_mib: float) -> None:
    path, begun = _place(root, plan, now), now - plan.age_s
    words = [f"phase1/latent_space={plan.space}", f"phase1.trainer.seed={plan.seed}"]
    words.append(f"phase1.trainer.epochs={plan.epochs}")
    config: Any = OmegaConf.to_container(compose(["launcher=htcondor", *words]), resolve=True)
    cfg = json.loads(json.dumps(config))
    events = list(events_of(path, cfg, plan, begun))
    for event in events:
        event["meta"]["hostname"] = _HOSTS[number % 3]
        if event["moment"] == "on_epoch_end":
            event["max_memory_mib"] = memory_mib
    write_run(path, events, plan.seed, cfg)
    run = RunDir(path)
    run.log.write_text(f"{path.name}: {plan.epochs} epochs on {_HOSTS[number % 3]}, cpu\n")
    state = "running" if plan.end is None else "ended"
    _record(run, plan, now, number, state)
    when = now if plan.end is None else begun + plan.epoch_s * plan.done
    for place in (run.attempts / "1.json", run.events, run.attempts, run.facts):
        os.utime(place, (when, when))


def _submitted(root: Path, plan: Plan, now: float, number: int) -> None:
    run = RunDir(_place(root, plan, now))
    run.path.mkdir(parents=True)
    _record(run, plan, now, number, "queued")


def _place(root: Path, plan: Plan, now: float) -> Path:
    stamp = f"{datetime.fromtimestamp(now - plan.age_s):%Y%m%d-%H%M%S}"
    return root / "runs" / f"run_{stamp}_ae_{plan.space}"


def _record(run: RunDir, plan: Plan, now: float, number: int, state: str) -> None:
    begun = now - plan.age_s
    entries = {
        "schema_version": 1, "id": f"{number:032x}", "kind": "run", "target": HTCONDOR,
        "state": state, "job_id": f"{number}.0", "schedd": SCHEDD, "command": "engine submit",
        "submitted": datetime.fromtimestamp(begun, tz=UTC).isoformat(timespec="milliseconds"),
        "overrides": [f"phase1/latent_space={plan.space}", f"phase1.trainer.seed={plan.seed}"],
    }  # fmt: skip
    run.launch.write_text(json.dumps(entries))
    os.utime(run.launch, (begun, begun))
