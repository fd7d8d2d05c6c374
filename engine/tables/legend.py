"""Short names of runs that stand together in one picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from engine.facts.text import plain
from engine.library.summary import RunSummary
from engine.tables.cells import show
from engine.tables.groups import SEED, telling_keys
from engine.tables.keys import Vocabulary

MOST_KEYS = 4
"""Keys in one name."""

_LONGEST_VALUE = 40


def legend_names(runs: Sequence[RunSummary], without: Sequence[str] = ()) -> list[str]:
    """A name for each run: the settings that tell it apart, and its own name where none does.

    Parameters
    ----------
    runs
        The runs of the picture.
    without
        Short names of keys that are not to be named, such as `seed`.
    """
    vocabulary = Vocabulary(runs)
    keys, left_out = telling_keys(runs, MOST_KEYS + len(without))
    shorts = ["seed" if key == SEED else vocabulary.short(key) for key in keys]
    shorts = [name for name in shorts if name not in without][:MOST_KEYS]
    found = [vocabulary.find(short) for short in shorts]
    names = [
        ", ".join(
            f"{plain(short)}={_cut(show(key.kind, value))}"
            for short, key in zip(shorts, found, strict=True)
            if (value := key.read(run)) is not None
        )
        for run in runs
    ]
    count = Counter(names)
    unclear = bool(left_out) or not without
    return [
        name if name and (count[name] == 1 or not unclear) else _with_own_name(name, run)
        for name, run in zip(names, runs, strict=True)
    ]


def _with_own_name(name: str, run: RunSummary) -> str:
    return f"{plain(run.name)} ({name})" if name else plain(run.name)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
