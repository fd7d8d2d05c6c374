"""A root with runs as a student has them after a week: for the docs' pictures, and to look at.

    python -m tests.demo FOLDER

The curves are drawn at random, in the shape of real ones; nothing was trained.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.facts import RunDir, build_event_payload
from engine.facts.labels import Labels, write_labels
from tests.bench.tree import config_of, write_run

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
STEPS = 1563


@dataclass
class Plan:
    """How a run is set up, and how it goes."""

    encoder: str = "mlp"
    space: str = "none"
    lr: float = 1e-3
    seed: int = 1
    epochs: int = 40
    done: int = 40
    age_s: float = DAY
    """Since its start."""
    epoch_s: float = 52.0
    end: str | None = "on_train_end"
    stopped: bool = False
    error: str | None = None
    sweep: str | None = None
    labels: Labels = field(default_factory=Labels)
    nan_from: int = 10**9
    tags: tuple[str, ...] = ()


def plans() -> list[Plan]:
    """The week: a sweep over seeds, one over the learning rate, and what went wrong."""
    spaces = itertools.product(("mlp", "gnn"), ("none", "linear", "vq"), (1, 2, 3))
    grid = [
        Plan(encoder, space, seed=seed, age_s=3 * DAY - 1700 * n, sweep="grid")
        for n, (encoder, space, seed) in enumerate(spaces)
    ]
    grid[6].labels = Labels(tags=("paper",), note="reference of section 4")
    grid[7].labels = grid[8].labels = Labels(tags=("paper",))
    rates = [
        Plan("gnn", "vq", lr=lr, age_s=20 * HOUR - 1900 * n, sweep="lr")
        for n, lr in enumerate((3e-4, 1e-3, 3e-3))
    ]
    hot = Plan("gnn", "vq", lr=3e-2, age_s=9 * HOUR, done=7, end="on_exception", nan_from=6)
    hot.error = "TrainingError: the loss is nan in epoch 7, step 10,941"
    gone = Plan("gnn", "linear", seed=4, age_s=8 * HOUR, done=12, end=None)
    short = Plan("mlp", "vq", seed=4, age_s=7 * HOUR, done=21, stopped=True)
    now = [
        Plan("gnn", "vq", lr=5e-4, seed=7, epochs=60, done=23, age_s=23.4 * 52, end=None),
        Plan(
            "mlp", "vq", lr=5e-4, seed=7, epochs=60, done=41, age_s=41.3 * 31, epoch_s=31, end=None
        ),
    ]
    return [*grid, *rates, hot, gone, short, *now]


def make_demo(root: Path, now: float | None = None) -> list[Path]:
    """The run directories below `root`, the oldest first; the last two go on."""
    now = time.time() if now is None else now
    return [_make(root, plan, now, n) for n, plan in enumerate(plans())]


def _make(root: Path, plan: Plan, now: float, number: int) -> Path:
    begun = now - plan.age_s
    stamp = f"{datetime.fromtimestamp(begun):%Y%m%d-%H%M%S}"
    job = f"_job{number % 9}" if plan.sweep else ""
    path = root / "runs" / f"run_{stamp}_{plan.encoder}_{plan.space}{job}"
    cfg = _config(plan)
    events = list(events_of(path, cfg, plan, begun))
    write_run(path, events, plan.seed, cfg)
    run = RunDir(path)
    (run.hydra / "overrides.yaml").write_text(
        f"- phase1/encoder={plan.encoder}\n- phase1/latent_space={plan.space}\n"
        f"- phase1.trainer.lr={plan.lr}\n- phase1.trainer.seed={plan.seed}\n"
    )
    run.log.write_text(_log(plan))
    _draw(run, plan)
    if plan.end is None and plan.age_s < 2 * HOUR:
        _alive(run, begun, now)
    if plan.labels != Labels():
        write_labels(run, plan.labels)
    if plan.age_s < DAY:
        _launched(root, run, plan, begun)
    return path


def _launched(root: Path, run: RunDir, plan: Plan, begun: float) -> None:
    """Let it look like a run that was started in the background of another machine."""
    when = datetime.fromtimestamp(begun, tz=UTC).isoformat(timespec="milliseconds")
    entries = {
        "schema_version": 1, "id": f"{int(begun):032x}", "kind": "run", "target": "local",
        "state": "running" if plan.end is None else "ended", "submitted": when, "exit_code": 0,
        "overrides": [f"phase1.trainer.lr={plan.lr}"], "host": "stbc-i1", "pid": 4000 + plan.seed,
    }  # fmt: skip
    if plan.sweep:
        folder = root / "multiruns" / f"exp_{plan.sweep}"
        folder.mkdir(parents=True, exist_ok=True)
        whole = entries | {"id": plan.sweep, "kind": "sweep", "points": 3, "at_once": 2}
        (folder / "sweep.json").write_text(json.dumps(whole))
        entries |= {"sweep_id": plan.sweep, "sweep_dir": str(folder)}
    before = os.stat(run.events).st_mtime
    run.launch.write_text(json.dumps(entries))
    os.utime(run.launch, (begun, begun))
    os.utime(run.path, (before, before))


def _config(plan: Plan) -> dict[str, Any]:
    cfg = config_of(plan.seed, plan.epochs)
    parts = "engine.architectures.autoencoder"
    cfg["phase1"]["trainer"] |= {"lr": plan.lr, "seed": plan.seed}
    cfg["phase1"]["encoder"]["_target_"] = f"{parts}.encoders.{plan.encoder}.Encoder"
    space = {"_target_": f"{parts}.latent_spaces.{plan.space}.Space"}
    cfg["phase1"]["latent_space"] = space | ({"codebook_size": 512} if plan.space == "vq" else {})
    return cfg


def events_of(
    path: Path, cfg: dict[str, Any], plan: Plan, begun: float
) -> Iterator[dict[str, Any]]:
    """The events of a run that goes as planned."""

    def event(moment: str, at: float, **fields: Any) -> dict[str, Any]:
        made = build_event_payload(moment, path, total_time_s=at, cfg=cfg, **fields)
        when = datetime.fromtimestamp(begun + at, tz=UTC)
        made["meta"] |= {
            "timestamp": when.isoformat(timespec="milliseconds"),
            "hostname": "stbc-i1",
        }
        if plan.sweep:
            made["meta"]["hydra_job_id"] = "1"
        return made

    data = {"n_parameters": 44_652 if plan.encoder == "mlp" else 131_204}
    yield event("on_start", 0.0, step=0, meta={"device": "cpu", "data": data})
    histories: dict[str, list[float | None]] = {"train_loss": [], "val_loss": []}
    for epoch, numbers in enumerate(_numbers(plan)):
        for name, values in histories.items():
            values.append(numbers[name])
        metrics = {k: v for k, v in numbers.items() if k not in (*histories, "throughput")}
        yield event(
            "on_epoch_end", plan.epoch_s * (epoch + 1), epoch=epoch, step=STEPS * (epoch + 1),
            train_loss=numbers["train_loss"], val_loss=numbers["val_loss"], metrics=metrics,
            epoch_time_s=plan.epoch_s, throughput=numbers["throughput"], max_memory_mib=612.0,
        )  # fmt: skip
    last = {"epoch": plan.done - 1, "step": STEPS * plan.done}
    at = plan.epoch_s * plan.done + 4
    finished = plan.end == "on_train_end" and not plan.stopped
    if finished:
        test = {"test_loss": numbers["val_loss"] * 1.04, "auroc": 0.9 - numbers["val_loss"] / 4}
        yield event("on_test_end", at, metrics=test, **last)
    if plan.end is not None:
        stopped = plan.stopped if plan.end == "on_train_end" else None
        error = plan.error
        yield event(plan.end, at + 1, histories=histories, stopped=stopped, error=error, **last)


def _numbers(plan: Plan) -> Iterator[dict[str, Any]]:
    """The numbers of each epoch: a decay to a floor that the settings decide, with noise."""
    dice = random.Random(f"{plan.encoder} {plan.space} {plan.lr} {plan.seed}")
    floor = {"mlp": 0.11, "gnn": 0.075}[plan.encoder] * {"none": 1, "linear": 1.1, "vq": 1.5}[
        plan.space
    ]
    floor *= 1 + 0.06 * dice.gauss(0, 1) + 0.3 * abs(math.log10(plan.lr / 1e-3))
    speed = 5 * (plan.lr / 1e-3) ** -0.4
    for epoch in range(plan.done):
        train = floor * 0.93 + 1.1 * math.exp(-(epoch + 1) / speed) + 0.25 / (epoch + 1) ** 1.3
        train *= 1 + 0.015 * dice.gauss(0, 1)
        value = train * (1.05 + 0.003 * epoch) * (1 + 0.03 * abs(dice.gauss(0, 1)))
        broken = epoch >= plan.nan_from
        numbers: dict[str, Any] = {
            "train_loss": None if broken else train,
            "val_loss": None if broken else value,
            "token_mse": value * 0.61,
            "id_accuracy": 1 - value * 0.42,
            "lr": plan.lr * 0.5 * (1 + math.cos(math.pi * epoch / plan.epochs)),
            "throughput": (30_100 if plan.encoder == "mlp" else 9_700)
            * (1 + 0.02 * dice.gauss(0, 1)),
        }
        if plan.space == "vq":
            numbers["codes_used"] = float(min(512, round(512 * (1 - math.exp(-(epoch + 1) / 3)))))
            numbers["perplexity"] = (
                300 * (1 - math.exp(-(epoch + 1) / 6)) * (1 + 0.02 * dice.random())
            )
        yield numbers


def _log(plan: Plan) -> str:
    """What a run prints: progress bars, a warning in colour, a line for each epoch."""
    lines = ["[2026-11-20 09:12:01] reading /data/tops_20k.h5: 12,800 / 3,200 / 4,000 events\n"]
    lines.append("\x1b[33mWARNING\x1b[0m 3 events have no object and are left out\n")
    for epoch, numbers in enumerate(_numbers(plan)):
        for share in (25, 50, 75, 100):
            lines.append(f"\repoch {epoch + 1:>3}  {share:>3} %  {'━' * (share // 5):20}")
        lines.append(f"\n\x1b[1mepoch {epoch + 1}\x1b[0m  val_loss {numbers['val_loss']}\n")
    return "".join(lines)


def _draw(run: RunDir, plan: Plan) -> None:
    """A figure like those of a training."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    numbers = list(_numbers(plan))
    for name in ("train_loss", "val_loss"):
        axes.plot([n[name] if n[name] is not None else math.nan for n in numbers], label=name)
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.set_yscale("log")
    axes.legend()
    run.figures.mkdir(exist_ok=True)
    figure.savefig(run.figures / "losses.png")


def _alive(run: RunDir, begun: float, now: float) -> None:
    """Let it look like a run of another machine that was heard of just now."""
    path = run.attempts / "1.json"
    record = json.loads(path.read_text()) | {
        "host": "stbc-i1",
        "started": datetime.fromtimestamp(begun, tz=UTC).isoformat(),
    }
    path.write_text(json.dumps(record))
    for place in (path, run.events, run.attempts, run.facts):
        os.utime(place, (now, now))


if __name__ == "__main__":
    for made in make_demo(Path(sys.argv[1])):
        print(made)
