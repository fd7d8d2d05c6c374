"""Run directories as trainings leave them, made by the thousand for tests and measurements.

The lines are those of `append_jsonl_event`, byte for byte, but nothing is flushed to disk.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engine.facts import RunDir, build_event_payload
from engine.facts.attempts import Attempt

BEGUN = datetime(2025, 1, 5, 9, 30, tzinfo=UTC)
STEPS = 100
"""Steps of an epoch."""

METRICS = ("token_mse", "id_cross_entropy", "id_accuracy")
ALL_METRICS = (*METRICS, *(f"train_{name}" for name in METRICS))

OVERRIDES = """\
- phase1/latent_space=vq
- phase1.trainer.seed={seed}
- phase1.trainer.lr={lr}
- 'note="a, b"'
"""


def make_tree(root: Path, runs: int, epochs: int = 50, begin: int = 0) -> list[Path]:
    """`runs` run directories below `root/runs`, each of another seed and learning rate."""
    paths = []
    for number in range(begin, begin + runs):
        begun = BEGUN + timedelta(minutes=number)
        name = f"run_{begun:%Y%m%d-%H%M%S}_ae_job{number}"
        paths.append(make_run(root / "runs" / name, epochs=epochs, seed=number, begun=begun))
    return paths


def make_run(
    path: Path,
    *,
    epochs: int = 3,
    planned: int | None = None,
    seed: int = 0,
    end: str | None = "on_train_end",
    stopped: bool = False,
    begun: datetime = BEGUN,
) -> Path:
    """One run directory; its files are as old as its last event.

    Parameters
    ----------
    epochs, planned
        Epochs done, and asked for.
    end
        The moment of the last event; None for a run that goes on, or was killed.
    """
    cfg = config_of(seed, epochs if planned is None else planned)
    events = list(events_of(path, cfg, epochs, end, stopped, begun))
    write_run(path, events, seed, cfg)
    return path


def write_run(path: Path, events: list[dict[str, Any]], seed: int, cfg: dict[str, Any]) -> None:
    """All files of a run with these events."""
    run = RunDir(path)
    attempt = Attempt(run.attempts / "1.json", 1, host="node", pid=4711, events_size=0)
    record = {"attempt": 1} | asdict(attempt)
    del record["path"], record["number"]
    overrides = OVERRIDES.format(seed=seed, lr=cfg["phase1"]["trainer"]["lr"])
    texts = {
        run.events: "".join(line_of(event) + "\n" for event in events),
        run.scalars: "epoch,split,train_loss,val_loss\n",
        run.hydra / "config.yaml": "loop: ae\n",
        run.hydra / "hydra.yaml": "hydra: {}\n",
        run.hydra / "overrides.yaml": overrides,
        attempt.path: json.dumps(record) + "\n",
        run.log: "done\n",
        run.best: "weights",
        run.last: "weights",
    }
    for folder in (run.path, run.facts, run.hydra, run.attempts):
        folder.mkdir(parents=True)
    for file, text in texts.items():
        file.write_text(text)
    run.model.symlink_to(run.best.name)
    last = datetime.fromisoformat(events[-1]["meta"]["timestamp"]).timestamp()
    for place in (run.events, attempt.path, run.attempts, run.facts, run.path):
        os.utime(place, (last, last))


def line_of(event: dict[str, Any]) -> str:
    """An event as `append_jsonl_event` writes it."""
    return json.dumps(event, allow_nan=False, separators=(",", ":"))


def events_of(
    path: Path,
    cfg: dict[str, Any],
    epochs: int,
    end: str | None = "on_train_end",
    stopped: bool = False,
    begun: datetime = BEGUN,
) -> Iterator[dict[str, Any]]:
    """The events of a training, one minute an epoch."""
    numbers = random.Random(cfg["phase1"]["trainer"]["seed"])
    data = {"n_events": {"train": 12800}, "n_parameters": 44652}
    yield _event(path, cfg, begun, "on_start", 0, step=0, meta={"device": "cpu", "data": data})
    histories: dict[str, list[float | None]] = {name: [] for name in ("train_loss", "val_loss")}
    for epoch in range(epochs):
        losses = {name: numbers.random() + 1 / (epoch + 1) for name in histories}
        for name, loss in losses.items():
            histories[name].append(loss)
        metrics = {name: numbers.random() for name in ALL_METRICS} | {"lr": 0.001}
        more = {"epoch_time_s": 59 + numbers.random(), "throughput": 1e4 * numbers.random()}
        more["max_memory_mib"] = 400.0 + epoch
        fields = {"epoch": epoch, "step": STEPS * (epoch + 1), "metrics": metrics} | losses | more
        yield _event(path, cfg, begun, "on_epoch_end", epoch + 1, **fields)
    fields = {"epoch": epochs - 1 if epochs else None, "step": STEPS * epochs}
    if end == "on_train_end" and not stopped:
        metrics = {name: numbers.random() for name in (*METRICS, "test_loss")}
        yield _event(path, cfg, begun, "on_test_end", epochs + 1, metrics=metrics, **fields)
    if end == "on_exception":
        fields |= {"error": "TrainingError: the loss is nan", "traceback": "Traceback …"}
    if end == "on_train_end":
        fields |= {"stopped": stopped, "metrics": {"best_val_loss": 0.5}}
    if end is not None:
        yield _event(path, cfg, begun, end, epochs + 1, histories=histories, **fields)


def _event(
    path: Path, cfg: dict[str, Any], begun: datetime, moment: str, minutes: int, **fields: Any
) -> dict[str, Any]:
    event = build_event_payload(moment, path, total_time_s=60.0 * minutes, cfg=cfg, **fields)
    time = begun + timedelta(minutes=minutes)
    event["meta"]["timestamp"] = time.isoformat(timespec="milliseconds")
    return event


def config_of(seed: int, epochs: int) -> dict[str, Any]:
    """A resolved config, about as large as that of a training."""
    parts = "engine.architectures.autoencoder"
    layers = {"hidden_dims": [128, 128], "dropout": 0.0}
    spare = {f"entry_{i}": {"enabled": True, "value": i / 10} for i in range(20)}
    return {
        "device": "cpu",
        "phase1": {
            "latent_dim": 32,
            "encoder": {"_target_": f"{parts}.encoders.mlp.MLPEncoder"} | layers,
            "latent_space": {
                "_target_": f"{parts}.latent_spaces.vq.VectorQuantiser",
                "codebook_size": 512,
            },
            "decoder": {"_target_": f"{parts}.decoders.mlp.MLPDecoder"} | layers,
            "trainer": {"epochs": epochs, "lr": 10 ** -(2 + seed % 3), "seed": seed},
        },
        "data": {"path": "/data/tops_20k.h5", "batch_size": 128, "features": ["E", "pT", "eta"]},
        "logging": spare,
        "loop": "ae",
    }
