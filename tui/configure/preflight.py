"""Asks the command `engine check` whether a draft would train, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from engine.config import draft
from engine.facts.text import plain

COMMAND = (sys.executable, "-m", "engine", "check", "--json")

_MOST_BYTES = 1 << 24


class Problem(NamedTuple):
    """What is wrong, and the key or group that it is about; empty for no single one."""

    key: str
    text: str


@dataclass(frozen=True)
class Report:
    """What the check found; entries that it does not tell are None or empty."""

    ok: bool = False
    failure: str = ""
    """Why nothing could be checked."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    """What is good to know, and less than a warning."""
    parts: Mapping[str, int] = field(default_factory=dict)
    """Parameters of each part of the model."""
    points: int | None = None
    batch_bytes: float | None = None
    epoch_s: float | None = None
    total_s: float | None = None
    checkpoint_bytes: float | None = None
    disk_free_bytes: float | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    """Further entries, which a newer command may have."""


_KNOWN = {
    "ok", "problems", "warnings", "points", "model", "epoch_s", "total_s", "training_s", "loop",
}  # fmt: skip


async def check(
    overrides: Sequence[str],
    config_dirs: Sequence[Path] = (),
    *,
    sweep: bool = False,
    trusted: Sequence[str] | None = None,
    leave_out: Sequence[int] = (),
    at_once: int = 1,
    command: Sequence[str] = COMMAND,
) -> Report:
    """The report on a draft. The process ends with the task that waits for it.

    Parameters
    ----------
    sweep
        Whether every combination of its values is trained.
    trusted
        Of a draft that began as the config of a run the packages whose classes it may name; None
        for any.
    leave_out
        Points of the sweep that are not trained.
    at_once
        How many are at the same time.
    command
        What is run; flags and overrides follow.
    """
    folders = [word for folder in config_dirs for word in ("--config-dir", str(folder))]
    flags = ["--multirun"] if sweep else []
    if trusted is not None:
        flags += ["--untrusted", *(word for name in trusted for word in ("--trust", name))]
    flags += ["--leave-out", ",".join(map(str, leave_out))] if leave_out else []
    flags += ["--at-once", str(at_once)] if at_once > 1 else []
    words = [*command, *flags, *folders, *overrides]
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_MOST_BYTES,
        )
    except OSError as error:
        return Report(failure=f"the check cannot be started: {error.strerror or error}")
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())
    return report_of(out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def report_of(text: str, errors: str = "") -> Report:
    """The report in what the command printed, whatever that is."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        lines = [line for line in plain(errors, keep_lines=True).splitlines() if line.strip()]
        return Report(failure=f"the check gave no report: {(lines or ['nothing'])[-1].strip()}")
    problems = tuple(_problems(found.get("problems")))
    points = found.get("points")
    model, batch, checkpoint, disk = (
        _dict(found.get(name)) for name in ("model", "batch", "checkpoint", "disk")
    )
    sizes = [_number(checkpoint.get(name)) for name in ("best_bytes", "last_bytes")]
    return Report(
        ok=found.get("ok") is True and not problems,
        problems=problems,
        warnings=tuple(_texts(found.get("warnings"))),
        remarks=tuple(_texts(found.get("remarks"))),
        parts=dict(_sizes(model.get("parts"))),
        points=len(points) if isinstance(points, list) else None,
        batch_bytes=_number(batch.get("memory_bytes")),
        epoch_s=_number(found.get("epoch_s")),
        total_s=_number(found.get("total_s")),
        checkpoint_bytes=sum(filter(None, sizes)) or None,
        disk_free_bytes=_number(disk.get("free_bytes")),
        others=_others(found),
    )


def _problems(value: Any) -> list[Problem]:
    found = []
    for one in _list(value):
        if isinstance(one, dict) and isinstance(one.get("text"), str):
            key = one.get("key")
            found.append(Problem(plain(key) if isinstance(key, str) else "", plain(one["text"])))
        elif isinstance(one, str):
            found.append(Problem("", plain(one)))
    return found


def _texts(value: Any) -> list[str]:
    """The texts of remarks, without what to do about them."""
    return [problem.text.splitlines()[0] for problem in _problems(value) if problem.text]


def _sizes(value: Any) -> Iterator[tuple[str, int]]:
    """Each part of a model with its number of parameters."""
    for part in map(_dict, _list(value)):
        number = _number(part.get("total"))
        if number is not None:
            yield plain(part.get("name")), int(number)


def _others(found: Mapping[str, Any]) -> dict[str, str]:
    """What else is told in single values."""
    plain_ones = (str, int, float, bool)
    return {
        plain(name): draft.text_of(value) if isinstance(value, bool) else plain(value)
        for name, value in found.items()
        if name not in _KNOWN and isinstance(value, plain_ones)
    }


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and abs(value) < float("inf") else None
