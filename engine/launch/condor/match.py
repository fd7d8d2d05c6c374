"""How a job fits the slots of a pool; `fits` runs in the helper process.

A slot of a node that gives away parts of itself is taken as it is, and as it would be if nothing
ran on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.launch.expressions import conjuncts

ASKED = {
    "RequestMemory": ("Memory", "TotalSlotMemory"),
    "RequestCpus": ("Cpus", "TotalSlotCpus"),
    "RequestDisk": ("Disk", "TotalSlotDisk"),
    "RequestGPUs": ("GPUs", "TotalSlotGPUs"),
}
"""What a job asks for, to what a slot has left of it and has in all."""


def fits(classad2: Any, job: Any, slots: Iterable[Any]) -> dict[str, Any]:
    """How a job ad fits slot ads, as JSON knows it.

    Parameters
    ----------
    classad2
        The module of the bindings, which the helper process alone imports.

    Returns
    -------
    dict
        `slots`, how many there are; `asked`, attribute to number; `largest`, attribute to the most
        that a slot has in all; `conditions`, pairs of each part of the job's requirements with how
        many slots would fulfil it; `ever` and `now`, how many slots take the job once they are
        free, and as they are.
    """
    slots = list(slots)
    parts = conjuncts(str(job.lookup("Requirements")) if "Requirements" in job else "true")
    trees = [classad2.ExprTree(part) for part in parts]
    asked = {name: _number(classad2, job, name) for name in ASKED}
    now = sum(_takes(classad2, slot, job, trees, asked, 0) for slot in slots)
    largest = {
        name: max(
            (_number(classad2, slot, has[1]) or _number(classad2, slot, has[0]) for slot in slots),
            default=0,
        )
        for name, has in ASKED.items()
    }
    for slot in slots:
        _set_free(classad2, slot)
    return {
        "slots": len(slots),
        "asked": asked,
        "largest": largest,
        "conditions": [
            [part, sum(_is_true(classad2, tree, job, slot) for slot in slots)]
            for part, tree in zip(parts, trees, strict=True)
        ],
        "ever": sum(_takes(classad2, slot, job, trees, asked, 1) for slot in slots),
        "now": now,
    }


def _takes(
    classad2: Any, slot: Any, job: Any, trees: list[Any], asked: dict[str, float], which: int
) -> bool:
    """Whether a slot takes a job, by what it has left (0) or in all (1), and by its own rule."""
    enough = all(
        number
        <= (_number(classad2, slot, ASKED[name][which]) or _number(classad2, slot, ASKED[name][0]))
        for name, number in asked.items()
    )
    start = slot.lookup("Start") if "Start" in slot else True
    willing = start is True or (
        not isinstance(start, bool) and _is_true(classad2, start, slot, job)
    )
    return enough and willing and all(_is_true(classad2, tree, job, slot) for tree in trees)


def _set_free(classad2: Any, slot: Any) -> None:
    for left, whole in ASKED.values():
        if whole in slot:
            slot[left] = _number(classad2, slot, whole)


def _is_true(classad2: Any, tree: Any, scope: Any, target: Any) -> bool:
    try:
        return tree.eval(scope, target) is True
    except classad2.ClassAdException:
        return False


def _number(classad2: Any, ad: Any, name: str) -> float:
    """An attribute as a number; 0 where it is none."""
    if name not in ad:
        return 0
    try:
        value = ad.eval(name)
    except classad2.ClassAdException:
        return 0
    return float(value) if isinstance(value, int | float) else 0
