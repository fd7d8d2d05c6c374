"""A report as plain values for JSON; `engine.cli.check` says what they are."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.config.problem_keys import Problem
from engine.library.summary import RunSummary
from engine.preflight.check import Report
from engine.preflight.points import CheckedPoint

_NOTHING = ("loop", "device", "model", "batch", "memory", "checkpoint", "data", "past", "epoch_s")


def record(report: Report) -> dict[str, Any]:
    """All of a report; sizes in bytes, times in seconds, None for what is not known."""
    models = [_model_record(model, report) for model in report.models]
    first = {key: models[0][key] if models else None for key in _NOTHING}
    single = None if report.is_sweep or not report.points else report.training_s(report.points[0])
    return {
        "ok": not report.problems,
        "problems": _told(report.problems),
        "warnings": _told(report.warnings),
        "remarks": _told(report.remarks),
        "points": [_point_record(point, report) for point in report.points],
        **first,
        "training_s": single,
        "total_s": report.total_s,
        "disk": _disk(report),
        "models": models,
    }


def _told(problems: list[Problem]) -> list[dict[str, Any]]:
    return [problem._asdict() for problem in problems]


def _point_record(point: CheckedPoint, report: Report) -> dict[str, Any]:
    model = report.model_of(point)
    twins = report.twins.get(point.number)
    return {
        "number": point.number,
        "overrides": point.differs,
        "problems": _told(point.problems),
        "equal": _names(twins.equal if twins else []),
        "same_but_seed": _names(twins.other_seed if twins else []),
        "model": None if model is None else report.models.index(model),
        "epochs": None if point.cfg is None else point.cfg.phase1.trainer.epochs,
        "training_s": report.training_s(point),
    }


def _names(runs: list[RunSummary]) -> list[str]:
    return [run.name for run in runs]


def _model_record(model: Any, report: Report) -> dict[str, Any]:
    trial = model.trial
    record: dict[str, Any] = dict.fromkeys(_NOTHING)
    record |= {
        "points": [point.number for point in model.points],
        "loop": str(model.cfg.loop),
        "device": model.device,
        "data": _data(model),
        "past": asdict(model.like) if model.like is not None else None,
        "epoch_s": model.epoch_s,
    }
    if trial is None:
        return record
    return record | {
        "model": {
            "trainable": sum(part.trainable for part in trial.parts),
            "total": sum(part.total for part in trial.parts),
            "parts": [part._asdict() for part in trial.parts],
        },
        "batch": {
            "events": model.cfg.data.batch_size,
            "memory_bytes": trial.step_bytes,
            "memory_how": trial.memory_how,
            "step_s": trial.step_s,
            "one_thread_step_s": trial.one_thread_step_s,
            "steps_timed": trial.steps_timed,
            "steady": trial.is_steady,
            "validation_s": trial.validation_batch_s,
        },
        "memory": {
            "model_bytes": trial.model_bytes,
            "optimiser_bytes": trial.optimiser_bytes,
            "data_bytes": trial.data_bytes,
            "total_bytes": trial.total_bytes,
        },
        "checkpoint": {"best_bytes": trial.best_bytes, "last_bytes": trial.last_bytes},
    }


def _data(model: Any) -> dict[str, Any]:
    """What the data have: of a file what it says, of others what their loader says."""
    data = model.cfg.data
    splits: list[dict[str, Any]] = []
    if model.data is not None:
        splits = [split._asdict() for split in model.data.splits]
    elif model.meta is not None:
        splits = [{"name": name, "events": n} for name, n in model.meta["n_events"].items()]
    return {
        "source": data.get("source"),
        "path": data.get("path"),
        "features": list(data.features) if data.get("features") else None,
        "columns": data.columns.total if data.get("columns") else data.get("n_features"),
        "splits": splits,
    }


def _disk(report: Report) -> dict[str, Any] | None:
    if report.place is None:
        return None
    return {
        "path": report.place.path,
        "free_bytes": report.place.free_bytes,
        "needed_bytes": report.needed_bytes,
    }
