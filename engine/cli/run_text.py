"""What the commands say of a run in words."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.facts.text import plain

if TYPE_CHECKING:
    from engine.facts.attempts import Attempt
    from engine.library.summary import Number, RunSummary

RESUMABLE = ("stopped", "failed", "lost")

_SEED = "phase1.trainer.seed="


class Fact(NamedTuple):
    """A word for what it is, and the lines that tell it; none where it is not known."""

    word: str
    lines: Sequence[str]


def state_sentence(run: RunSummary) -> str:
    """The state and why; what is wrong with the directory where it tells no state."""
    if run.state is None:
        return f"broken: {plain(run.problem or 'its state cannot be told')}"
    sentence = plain(run.sentence or run.state)
    if sentence.startswith(run.state):
        return sentence
    return f"{run.state}: {sentence}"


def train_command(run: RunSummary) -> str | None:
    """The command that trains the same again; None for a run that tells no config.

    A seed that was drawn is given as it was drawn.
    """
    if not run.overrides and not run.config:
        return None
    drawn = run.seed is not None and f"{_SEED}null" in run.overrides
    words = [word for word in run.overrides if not (drawn and word.startswith(_SEED))]
    return _command("thesis-train", [*words, f"{_SEED}{run.seed}"] if drawn else words)


def resume_command(run: RunSummary) -> str | None:
    """The command that goes on with a run; None where that makes no sense, or none can be typed."""
    if run.state not in RESUMABLE or plain(run.name) != run.name:
        return None
    return _command("engine", ["resume", run.name])


def _command(program: str, words: Sequence[str]) -> str:
    """A line for the shell; control characters, which would hide what it does, are left out."""
    return shlex.join([program, *map(plain, words)])


def facts_of(run: RunSummary, attempts: Sequence[Attempt]) -> Iterator[Fact]:
    """What a run is, when and where it was, how far it came and what came of it."""
    yield Fact("what", _what(run))
    yield Fact("when", _when(run))
    yield Fact("where", _where(run, attempts))
    yield Fact("progress", _progress(run))
    yield Fact("numbers", _numbers(run.numbers))
    yield Fact("results", _aligned({name: _digits(value) for name, value in run.results.items()}))
    yield Fact("overrides", run.overrides)
    yield Fact("tags", _joined(run.tags))
    yield Fact("note", run.note.splitlines())
    yield Fact("parent", _joined([run.parent]))
    yield Fact("commit", _joined([run.git_commit]))
    yield Fact("problem", _problems(run))


def commands_of(run: RunSummary) -> Iterator[Fact]:
    """The commands that train it again, and go on with it."""
    yield Fact("again", _joined([train_command(run)]))
    yield Fact("resume", _joined([resume_command(run)]))


def _what(run: RunSummary) -> list[str]:
    parts = [
        f"{name.replace('_', ' ')} {value}"
        for name in ("loop", "encoder", "decoder", "latent_space", "seed")
        if (value := getattr(run, name)) is not None
    ]
    if run.n_parameters is not None:
        parts.append(f"{run.n_parameters:,} parameters")
    if run.sweep:
        parts.append(f"of the sweep {run.sweep}")
    return _joined(parts)


def _when(run: RunSummary) -> list[str]:
    from engine.tables.units import show_duration, show_time

    times = (("started", run.started), ("ended", run.ended))
    parts = [f"{word} {show_time(time)}" for word, time in times if time is not None]
    if run.ended is None and run.updated is not None:
        parts.append(f"last event {show_time(run.updated)}")
    if run.duration_s is not None:
        parts.append(f"trained for {show_duration(run.duration_s)}")
    return _joined(parts)


def _where(run: RunSummary, attempts: Sequence[Attempt]) -> list[str]:
    """Directory and job; then each start, with its machine."""
    job = [run.launcher, f"job {run.job_id}" if run.job_id else None]
    if not attempts:
        job.insert(0, run.host)
    return [run.path, *_joined(job), *map(_attempt, attempts)]


def _attempt(attempt: Attempt) -> str:
    from engine.facts.evidence import seconds_of
    from engine.tables.units import show_time

    began = seconds_of(attempt.started)
    parts = [
        f"attempt {attempt.number}",
        attempt.host and f"on {attempt.host}",
        f"process {attempt.pid}" if attempt.pid is not None else None,
        f"from {show_time(began)}" if began is not None else None,
    ]
    return "".join(_joined(parts))


def _progress(run: RunSummary) -> list[str]:
    from engine.tables.units import show_duration, show_size

    of = f"/{run.epochs}" if run.epochs else ""
    parts = [f"{run.epochs_done}{of} epochs" if run.epochs or run.epochs_done else None]
    parts.append(f"step {run.step:,}" if run.step is not None else None)
    if run.epoch_time_s is not None:
        parts.append(f"{show_duration(run.epoch_time_s)} an epoch")
    if run.throughput is not None:
        parts.append(f"{run.throughput:,.0f} events/s")
    if run.max_memory_mib is not None:
        parts.append(f"{show_size(run.max_memory_mib * 2**20)} of memory")
    if run.eta_s is not None:
        parts.append(f"{show_duration(run.eta_s)} left")
    return _joined(parts)


def _numbers(numbers: Mapping[str, Number]) -> list[str]:
    """Each number with its best value and its last one, in columns."""
    best = {name: f"best {_digits(n.best)}{_epoch(n.best_epoch)}" for name, n in numbers.items()}
    width = max(map(len, best.values()), default=0)
    return _aligned(
        {name: f"{best[name]:{width}}  last {_digits(n.last)}" for name, n in numbers.items()}
    )


def _epoch(epoch: int | None) -> str:
    return "" if epoch is None else f" in epoch {epoch}"


def _problems(run: RunSummary) -> list[str]:
    """What is wrong with the directory, and with the numbers."""
    # Without a state the first line says it already.
    problems = [run.problem] if run.problem and run.state is not None else []
    if run.nonfinite:
        problems.append(f"not finite in some epoch: {', '.join(run.nonfinite)}")
    if run.skipped:
        problems.append(f"{run.skipped} damaged lines of the events are left out")
    return problems


def _aligned(values: Mapping[str, str]) -> list[str]:
    names = {name: plain(name) for name in values}
    width = max(map(len, names.values()), default=0)
    return [f"{names[name]:{width}}  {value}" for name, value in values.items()]


def _joined(parts: Sequence[Any]) -> list[str]:
    """The parts that there are, in one line; no line for none."""
    known = [str(part) for part in parts if part]
    return [", ".join(known)] if known else []


def _digits(value: float) -> str:
    from engine.tables.units import show_number

    return show_number(value)
