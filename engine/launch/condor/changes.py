"""What can be changed in a job that HTCondor has: pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from engine.errors import ConfigError
from engine.facts.time_limit import TIME_LIMIT
from engine.facts.words import first_line
from engine.launch.expressions import conjuncts
from engine.launch.resources import CATEGORIES, Resources, problems_of

CHANGEABLE = ("memory", "disk", "cpus", "gpus", "category", "requirements", "priority")
"""Keys of what can be changed, as `launcher.` knows them; `priority` is among our own jobs."""

_NUMBERS = ("cpus", "gpus", "priority")
_THREADS = re.compile(r"\b(OMP_NUM_THREADS|MKL_NUM_THREADS)=\d+")
_LIMIT = re.compile(rf"(?:^|(?<= )){TIME_LIMIT}=\d+ ?")
_MADE_BY_HTCONDOR = (
    *("TARGET.Arch ==", "TARGET.OpSys ==", "versionGE(split(TARGET.CondorVersion)"),
    *("TARGET.Disk >= RequestDisk", "TARGET.Memory >= RequestMemory"),
    *("TARGET.Cpus >= RequestCpus", "TARGET.GPUs >= RequestGPUs"),
    *("countMatches(MY.RequireGPUs", "TARGET.FileSystemDomain ==", "TARGET.HasFileTransfer"),
)
"""How the parts of `Requirements` begin that are not the user's own."""


def read_changes(words: Sequence[str]) -> dict[str, Any]:
    """What words such as `memory=8GB` change.

    Raises
    ------
    ConfigError
        With all that is wrong.
    """
    problems, changes = [], {}
    for word in words:
        key, equals, text = word.removeprefix("launcher.").partition("=")
        if not equals:
            problems.append(f"{word}: a value is set by key=value")
        elif key not in CHANGEABLE:
            problems.append(f"{key}: {_unknown(key)}")
        elif key in changes:
            problems.append(f"{key}: it is given more than once")
        else:
            changes[key] = _value(key, text)
    problems += _problems(changes)
    if problems:
        raise ConfigError.from_problems(problems)
    if not changes:
        raise ConfigError("nothing is to be changed", f"What can be: {', '.join(CHANGEABLE)}.")
    return changes


def expressions(changes: Mapping[str, Any]) -> dict[str, str]:
    """Attribute of a job to the ClassAd expression for it; not of its requirements."""
    known = {key: value for key, value in changes.items() if key not in ("priority",)}
    wanted = Resources.from_entries(known)
    category = f'"{wanted.category}"' if wanted.category else "undefined"
    told = {
        "memory": ("RequestMemory", wanted.memory_mib),
        "disk": ("RequestDisk", wanted.disk_kib),
        "cpus": ("RequestCpus", wanted.cpus),
        "gpus": ("RequestGPUs", wanted.gpus),
        "category": ("JobCategory", category),
        "priority": ("JobPrio", changes.get("priority")),
    }
    return {told[key][0]: str(told[key][1]) for key in changes if key in told}


def described(before: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
    """What was changed, from what to what as far as that is known: `memory 8GB -> 2GB`."""
    told = []
    for key, value in changes.items():
        was = f"{_shown(before[key])} -> " if key in before else ""
        told.append(f"{key} {was}{_shown(value)}")
    return ", ".join(told)


def _shown(value: Any) -> str:
    return "none" if value is None else first_line(str(value))


def new_requirements(before: str, wanted: str | None) -> str:
    """The expression of a job whose own requirements are to be others; None for none of its own."""
    kept = [part for part in conjuncts(before) if part.lstrip("(").startswith(_MADE_BY_HTCONDOR)]
    return " && ".join(f"({part})" for part in ([wanted] if wanted else []) + kept) or "true"


def new_environment(before: str, changes: Mapping[str, Any], own_limit_s: int | None) -> str:
    """The `Environment` of a job: as many threads as cores, and the time that it knows it has.

    Parameters
    ----------
    own_limit_s
        What the job was submitted with besides its category.
    """
    after = before
    if "cpus" in changes:
        after = _THREADS.sub(lambda match: f"{match[1]}={changes['cpus']}", after)
    if "category" in changes:
        limits = [CATEGORIES.get(changes["category"]), own_limit_s]
        known = [limit for limit in limits if limit is not None]
        told = f"{TIME_LIMIT}={min(known)}" if known else ""
        after = " ".join(filter(None, [_LIMIT.sub("", after).strip(), told]))
    return after


def quoted(text: str) -> str:
    """A text as a ClassAd expression."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unknown(key: str) -> str:
    close = get_close_matches(key, CHANGEABLE, n=1)
    if close:
        return f"there is no such key; did you mean {close[0]}?"
    return f"it cannot be changed; what can be: {', '.join(CHANGEABLE)}"


def _value(key: str, text: str) -> Any:
    if key in ("category", "requirements") and text in ("", "null"):
        return None
    try:
        return int(text) if key in _NUMBERS else text
    except ValueError:
        return text


def _problems(changes: Mapping[str, Any]) -> list[str]:
    known = {key: value for key, value in changes.items() if key != "priority"}
    told = [problem.removeprefix("launcher.") for problem in problems_of(known)]
    if type(changes.get("priority", 0)) is not int:
        told.append(f"priority={changes['priority']!r}: a whole number is needed")
    return told
