"""What `engine check` found, for people."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from engine.cli.aligned import Column, render
from engine.cli.output import Cell, say
from engine.facts.text import plain
from engine.tables.units import show_duration, show_size

if TYPE_CHECKING:
    from engine.config.problem_keys import Problem
    from engine.preflight.check import Report
    from engine.preflight.points import CheckedPoint

_LABEL = 12
"""Width of the column on the left."""
_WIDEST = 120


def print_report(report: Report, at_once: int) -> None:
    """Print everything: problems, warnings, then what a training takes."""
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    blocks = [
        _listed("problem", report.problems, width) or ["no problems"],
        _listed("warning", report.warnings, width),
        _listed("remark", report.remarks, width),
    ]
    if report.is_sweep:
        blocks += [_sweep(report, at_once), _points(report, width), _models(report, width)]
    if any(model.trial is not None for model in report.models) or not report.problems:
        blocks.append(_first_model(report, width))
    say("\n\n".join("\n".join(block) for block in blocks if block))


def _listed(word: str, problems: Sequence[Problem], width: int) -> list[str]:
    """A heading and the problems, each with the key that it belongs to."""
    if not problems:
        return []
    lines = [f"{len(problems)} {word}s" if len(problems) > 1 else f"1 {word}"]
    texts = [_with_key(problem).partition("\n") for problem in problems]
    for number, (text, _, hint) in enumerate(texts):
        lines += _wrapped(text, "  - ", "    ", width)
        if hint not in [later for _, _, later in texts[number + 1 :]]:
            lines += _wrapped(hint.strip(), "    ", "    ", width)
    return lines


def _with_key(problem: Problem) -> str:
    text = problem.text
    if problem.key is None or text.lstrip("+~").startswith(problem.key):
        return text
    return f"{problem.key}: {text}"


def _wrapped(text: str, first: str, others: str, width: int) -> list[str]:
    return textwrap.wrap(
        plain(text),
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _sweep(report: Report, at_once: int) -> list[str]:
    """One line about all trainings."""
    n_models = len(report.models)
    models = "one model" if n_models == 1 else f"{n_models} models"
    how = "one after the other" if at_once == 1 else f"{at_once} at once, if that slows none down"
    time = f": about {show_duration(report.total_s)}, {how}" if report.total_s else ""
    return [f"{len(report.points)} trainings of {models}{time}"]


def _points(report: Report, width: int) -> list[str]:
    """The trainings of a sweep as a table, one column for each key in which they differ."""
    keys = list(dict.fromkeys(_key(text) for point in report.points for text in point.differs))
    columns = [Column("point", [Cell(str(p.number), p.number) for p in report.points])]
    for rank, key in enumerate(keys, start=1):
        values = [_value(point, key) for point in report.points]
        columns.append(Column(key.rpartition(".")[2], [Cell(text, text) for text in values], rank))
    times = [report.training_s(point) for point in report.points]
    columns.append(Column("training", [_seconds(time_s) for time_s in times]))
    columns.append(Column("", [Cell(_state(point, report), "") for point in report.points]))
    return render(columns, width)[0]


def _state(point: CheckedPoint, report: Report) -> str:
    """A word about one training of a sweep."""
    if point.problems:
        return "1 problem" if len(point.problems) == 1 else f"{len(point.problems)} problems"
    twins = report.twins.get(point.number)
    return "ran already" if twins is not None and twins.equal else ""


def _models(report: Report, width: int) -> list[str]:
    """The distinct models of a sweep as a table."""
    models = [model for model in report.models if model.trial is not None]
    if len(models) < 2:
        return []
    trials = [model.trial for model in models]
    columns = [
        Column("model of point", [Cell(_numbers(model.points), "") for model in models]),
        Column("parameters", [Cell(f"{_total(t):,}", _total(t)) for t in trials]),
        Column("a batch", [_size(trial.step_bytes) for trial in trials], 1),
        Column("checkpoints", [_size(t.best_bytes + t.last_bytes) for t in trials], 2),
        Column("an epoch", [_seconds(trial.epoch_s) for trial in trials]),
    ]
    return render(columns, width)[0]


def _first_model(report: Report, width: int) -> list[str]:
    """All about the first model, in two columns."""
    if not report.models:
        return []
    model = report.models[0]
    where = f"{model.cfg.loop} on {model.device or 'no device'}"
    numbers = f" (point {_numbers(model.points)})" if report.is_sweep else ""
    rows = [("loop", [where + numbers]), ("data", _data(model))]
    if model.trial is not None:
        rows += [("parameters", _parameters(model.trial)), ("memory", _memory(model))]
    rows += [("time", list(_time(model, report))), ("disk", list(_disk(model, report)))]
    lines = []
    for label, texts in rows:
        for number, text in enumerate(texts):
            head = f"{label if number == 0 else '':{_LABEL}}"
            lines += _kept(text, head, width)
    return lines


def _kept(text: str, head: str, width: int) -> list[str]:
    """A text behind its label; wrapped only where it is too long, as columns have blanks."""
    text = plain(text)
    if len(head) + len(text) <= width:
        return [f"{head}{text}".rstrip()]
    return _wrapped(text, head, " " * (_LABEL + 2), width)


def _data(model: Any) -> list[str]:
    """Where the data are, and the size of each split."""
    data = model.cfg.data
    if model.data is not None:
        counts = {split.name: split.events for split in model.data.splits}
        more = f"{data.columns.total} columns: {', '.join(data.features)} of each object"
    elif model.meta is not None:
        n_inputs = data.get("n_features")
        counts, more = model.meta["n_events"], f"{n_inputs} inputs each" if n_inputs else ""
    else:
        return [str(data.get("path") or data.get("source"))]
    split_names = max(map(len, counts), default=0)
    events = max((len(f"{n:,}") for n in counts.values()), default=0)
    lines = [
        f"{name:{split_names}}  {n:>{events},} events, {_batches(n, data.batch_size)}"
        for name, n in counts.items()
    ]
    return [str(data.get("path") or data.get("source")), *filter(None, [more]), *lines]


def _parameters(trial: Any) -> list[str]:
    """The parameters of each part, and of all."""
    rows = [(part.name, part.trainable, part.total) for part in trial.parts]
    rows.append(("total", sum(row[1] for row in rows), _total(trial)))
    names = max(len(name) for name, _, _ in rows)
    digits = max(len(f"{total:,}") for _, _, total in rows)
    return [
        f"{name:{names}}  {total:>{digits},}"
        + (f", {trainable:,} of them trained" if trainable != total else "")
        for name, trainable, total in rows
    ]


def _memory(model: Any) -> list[str]:
    trial = model.trial
    parts = (
        f"model {show_size(trial.model_bytes)}, optimiser {show_size(trial.optimiser_bytes)}, "
        f"data {show_size(trial.data_bytes)}"
    )
    return [
        f"{show_size(trial.step_bytes)} for a batch of {model.cfg.data.batch_size:,}, "
        f"{trial.memory_how}",
        f"{show_size(trial.total_bytes)} with all else: {parts}",
    ]


def _time(model: Any, report: Report) -> Iterator[str]:
    """An epoch, a training, and what past runs took."""
    trial, epochs = model.trial, model.cfg.phase1.trainer.epochs
    if trial is not None:
        steps = _several(trial.train_batches, "step", "steps")
        yield (
            f"{_brief(trial.epoch_s)} an epoch: {steps} of {_brief(trial.step_s)} "
            "and the validation, no figures"
        )
    if model.epoch_s is not None and not report.is_sweep:
        stopping = model.cfg.phase1.trainer.get("early_stopping") or {}
        most = "at most " if stopping.get("patience") is not None else ""
        all_epochs = _several(epochs, "epoch", "epochs")
        yield f"{most}{show_duration(epochs * model.epoch_s)} for {all_epochs}"
    if model.like is not None:
        like = model.like
        runs = "a past run" if like.runs == 1 else f"{like.runs} past runs"
        spread = f" ({_brief(like.lowest_s)} to {_brief(like.highest_s)})" if like.runs > 1 else ""
        yield f"{_brief(like.median_s)} an epoch in {runs} of this kind on this host{spread}"


def _disk(model: Any, report: Report) -> Iterator[str]:
    if report.place is None:
        yield "nothing is written"
        return
    trial = model.trial
    if trial is not None:
        best, last = show_size(trial.best_bytes), show_size(trial.last_bytes)
        yield f"{best} for best_val.pt, {last} for last.pt"
    if report.is_sweep and report.needed_bytes is not None:
        yield f"{show_size(report.needed_bytes)} for the checkpoints of all trainings"
    free = report.place.free_bytes
    left = f"{show_size(free)} free at " if free is not None else ""
    yield f"{left}{report.place.path}"


def _batches(n_events: int, size: int) -> str:
    return f"{_several(-(-n_events // size), 'batch', 'batches')} of {size:,}"


def _several(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"


def _total(trial: Any) -> int:
    return sum(part.total for part in trial.parts)


def _seconds(value: float | None) -> Cell:
    return Cell("" if value is None else _brief(value), value)


def _size(n_bytes: int) -> Cell:
    return Cell(show_size(n_bytes), n_bytes)


def _brief(seconds: float) -> str:
    """A time; in milliseconds where it is less than a second."""
    return f"{seconds * 1000:.3g} ms" if seconds < 0.9995 else show_duration(seconds)


def _numbers(points: Sequence[CheckedPoint]) -> str:
    """The numbers of points, shortened: `1-3, 7`."""
    pieces: list[list[int]] = []
    for point in points:
        if pieces and point.number == pieces[-1][-1] + 1:
            pieces[-1].append(point.number)
        else:
            pieces.append([point.number])
    return ", ".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else str(p[0]) for p in pieces)


def _key(text: str) -> str:
    return text.partition("=")[0].lstrip("+~")


def _value(point: CheckedPoint, key: str) -> str:
    return next((t.partition("=")[2] for t in point.differs if _key(t) == key), "")
