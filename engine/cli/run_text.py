"""What the commands say of a run in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.facts.text import plain

if TYPE_CHECKING:
    from engine.facts.attempts import Attempt
    from engine.library.summary import RunSummary


NUMBERS_SHOWN = 8

_ERROR = "test_error_"
"""Before the name of a feature: its mean absolute error on the test split."""


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


def facts_of(
    run: RunSummary, attempts: Sequence[Attempt], everything: bool = False
) -> Iterator[Fact]:
    """What a run is, when and where it was, how far it came and what came of it.

    Parameters
    ----------
    everything
        Also what is seldom asked for: every start, the numbers of the training split and the
        settings among the numbers, and what another line says, too.
    """
    yield Fact("what", _what(run))
    yield Fact("when", _when(run))
    yield Fact("where", _where(run, attempts if everything else attempts[-1:]))
    yield Fact("progress", _progress(run))
    yield Fact("numbers", _numbers(run, everything))
    yield Fact("results", _results(run, everything))
    yield Fact("overrides", run.overrides if everything else ())
    yield Fact("tags", _joined(run.tags))
    yield Fact("note", run.note.splitlines())
    yield Fact("parent", _joined([run.parent]))
    yield Fact("commit", _joined([run.git_commit]))
    yield Fact("problem", _problems(run))


def commands_of(run: RunSummary) -> Iterator[Fact]:
    """The commands that train it again, and go on with it."""
    from engine.tables.commands import resume_command, train_command

    yield Fact("again", _joined([train_command(run)]))
    yield Fact("resume", _joined([resume_command(run)]))


def _what(run: RunSummary) -> list[str]:
    from engine.tables.keys import FIELDS

    names = ("loop", "encoder", "decoder", "latent_space", "seed")
    values = {name.replace("_", " "): FIELDS[name].read(run) for name in names}
    parts = [f"{name} {value}" for name, value in values.items() if value is not None]
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
    from engine.facts.values import seconds_of
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


def _numbers(run: RunSummary, everything: bool) -> list[str]:
    """Each number with its best value, its last one and that of the test, in columns."""
    from engine.tables.measures import has_best

    names = [name for name in run.numbers if everything or has_best(name)]
    best, last = {}, {}
    for name in names:
        number = run.numbers[name]
        where = "" if number.best_epoch is None else f" in epoch {number.best_epoch}"
        best[name] = f"best {_digits(number.best)}{where}" if has_best(name) else ""
        last[name] = f"last {_digits(number.last)}"
    width, wide = (max(map(len, texts.values()), default=0) for texts in (best, last))
    tests = {name: run.results.get(_tested(name)) for name in names}
    shown = {n: "" if test is None else f"  test {_digits(test)}" for n, test in tests.items()}
    lines = _aligned({n: f"{best[n]:{width}}  {last[n]:{wide}}{shown[n]}" for n in names})
    if everything or len(lines) <= NUMBERS_SHOWN:
        return lines
    return [*lines[: NUMBERS_SHOWN - 1], f"and {len(lines) - NUMBERS_SHOWN + 1} more (--all)"]


def _tested(name: str) -> str:
    """What the number is called among the results of the test."""
    return "test_loss" if name == "val_loss" else f"test_{name}"


def _results(run: RunSummary, everything: bool) -> list[str]:
    """What the end of the training said, as far as the numbers do not tell it."""
    told = {"best_epoch", *map(_tested, run.numbers)}
    told |= {f"{word}_{name}" for name in run.numbers for word in ("best", "final")}
    shown = {n: value for n, value in run.results.items() if everything or n not in told}
    return _aligned({n: f"{_digits(value)} {_unit(run, n)}".rstrip() for n, value in shown.items()})


def _unit(run: RunSummary, name: str) -> str:
    """The unit of the error of a feature, as the config of the run names it; else nothing."""
    unit = run.config.get(f"data.units.{name.removeprefix(_ERROR)}")
    return unit if name.startswith(_ERROR) and isinstance(unit, str) else ""


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
