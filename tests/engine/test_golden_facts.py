"""The facts format, byte for byte: it is what everybody's scripts and old runs rely on.

A change of these files is a change of the format: raise `SCHEMA_VERSION` and say so in
`docs/FACTS_SYSTEM.md`. `python -m tests.engine.test_golden_facts` writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.facts import append_jsonl_event, append_scalars_csv, build_event_payload
from engine.facts.events import MOMENTS

GOLDEN = Path(__file__).parents[1] / "golden"

META = {
    "timestamp": "2025-11-03T14:09:53.000+00:00",
    "run_id": "run_20251103-140953_ae",
    "git_commit": None,
    "hostname": "node",
    "cuda_info": None,
    "seed": 42,
    "hydra_job_id": None,
    "pid": 4711,
    "engine_version": "0.1.0",
    "torch_version": "2.13.0",
    "python_version": "3.11.7",
    "config": {"loop": "ae"},
}


def write_facts(folder: Path) -> None:
    """One event of each moment and three rows of scalars, with everything that varies fixed."""
    for moment in MOMENTS:
        payload: dict[str, Any] = build_event_payload(
            moment,
            "/outputs/runs/run_20251103-140953_ae",
            epoch=19,
            step=2500,
            split="val",
            train_loss=0.125,
            val_loss=float("nan"),
            metrics={"token_mse": 0.0625, "perplexity": float("inf")},
            epoch_time_s=1.5,
            total_time_s=30.0,
            throughput=10000.0,
            max_memory_mib=400.0,
            histories={"train_loss": [0.5, 0.125], "val_loss": [0.25, float("nan")]},
            error="ValueError: no" if moment == "on_exception" else None,
            traceback="Traceback ..." if moment == "on_exception" else None,
            stopped=False if moment == "on_train_end" else None,
        )
        payload["meta"] = {k: META[k] for k in payload["meta"]}
        append_jsonl_event(folder, payload)
    for epoch, metrics in enumerate(({"a": 0.5}, {"a": 0.25, "b": 2}, {"b": float("nan")})):
        append_scalars_csv(
            folder,
            epoch=epoch,
            split="val",
            train_loss=0.5,
            val_loss=None,
            metrics=metrics,
            epoch_time_s=1.5,
            throughput=10000.0,
            max_memory_mib=400.0,
        )


def test_events_are_written_as_ever(tmp_path: Path) -> None:
    write_facts(tmp_path)
    written = (tmp_path / "facts" / "events.jsonl").read_text().splitlines()
    golden = (GOLDEN / "events.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in written] == [json.loads(line) for line in golden]
    assert written == golden


def test_scalars_are_written_as_ever(tmp_path: Path) -> None:
    write_facts(tmp_path)
    written = (tmp_path / "facts" / "scalars.csv").read_text()
    assert written == (GOLDEN / "scalars.csv").read_text()


if __name__ == "__main__":
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as made:
        write_facts(Path(made))
        shutil.copytree(Path(made) / "facts", GOLDEN, dirs_exist_ok=True)
