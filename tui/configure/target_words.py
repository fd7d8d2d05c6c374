"""Where a training is to run, in words, and the head of the page that says so. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.facts.words import count
from engine.launch.job import HTCONDOR, LOCAL

NOTHING_CHANGED = "all by default"
"""What is said of a draft that says nothing."""

TABS = 44
"""Cells that the names of the parts take in the head."""

_PLACES = {LOCAL: "this machine", HTCONDOR: "HTCondor"}


def place(target: str) -> str:
    """The target, as people call it."""
    return _PLACES.get(target, target)


def head_title(title: str, target: str, note: str, width: int) -> str:
    """What stands at the left of the head.

    Where there is no room for title and note, less is said of the title, and then the first words
    of the note take its place; that it goes to a cluster is said all the same.

    Parameters
    ----------
    note
        The state of the draft, in parts with commas between.
    width
        Cells that the head has.
    """
    whole = f"{title} on {place(target)}"
    beside = 0 if note == NOTHING_CHANGED else len(note)
    shorter = title if target == LOCAL else place(target)
    for told in (whole, shorter):
        if len(told) + beside + 3 <= width - TABS:
            return told
    told = title if note == NOTHING_CHANGED else note.partition(",")[0]
    return told if target == LOCAL else f"{place(target)}: {told}"


def asked_for(resources: Mapping[str, Any]) -> str:
    """What a job asks a cluster for, in a few words."""
    gpus = count(resources.get("gpus"), "GPU") or "no GPU"
    capability = resources.get("gpu_capability")
    told = [
        count(resources.get("cpus"), "core"),
        f"{gpus} of capability {capability} or more" if capability else gpus,
        f"{resources['memory']} of memory" if resources.get("memory") else "",
        f"{resources['disk']} of disk" if resources.get("disk") else "",
        f"category {resources['category']}" if resources.get("category") else "",
        f"system {resources['os']}" if resources.get("os") else "",
        f"nodes with {resources['requirements']}" if resources.get("requirements") else "",
    ]
    return ", ".join(filter(None, told))
