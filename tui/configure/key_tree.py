"""Dotted keys as a tree of lines. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Leaf(NamedTuple):
    """A line of the tree: a node, or a key below one."""

    key: str
    depth: int
    is_node: bool

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]


def tree_of(keys: Iterable[str]) -> Iterator[Leaf]:
    """The keys below their nodes: those of one node together, single ones before further nodes."""
    above: list[str] = []
    for key in _in_nodes(list(keys)):
        *nodes, _ = key.split(".")
        shared = 0
        while shared < min(len(above), len(nodes)) and above[shared] == nodes[shared]:
            shared += 1
        for depth in range(shared, len(nodes)):
            yield Leaf(".".join(nodes[: depth + 1]), depth, True)
        above = nodes
        yield Leaf(key, len(nodes), False)


def _in_nodes(keys: list[str]) -> list[str]:
    order: dict[str, int] = {}
    for key in keys:
        parts = key.split(".")
        for n in range(1, len(parts) + 1):
            order.setdefault(".".join(parts[:n]), len(order))

    def place(key: str) -> list[tuple[bool, int]]:
        parts = key.split(".")
        return [(n < len(parts), order[".".join(parts[:n])]) for n in range(1, len(parts) + 1)]

    return sorted(keys, key=place)
