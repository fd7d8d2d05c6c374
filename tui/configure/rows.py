"""The lines of the form, made of what is known of a config. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from engine.config import draft
from tui.configure.key_tree import tree_of

if TYPE_CHECKING:
    from engine.config.form import Entry, Form, Group
    from engine.launch.suggest import Suggestion

NOTHING = "-"
"""Stands for no option."""

_LAST = "hydra"
"""The group that says how runs are named; it stands behind the others."""

RESOURCES = "launcher."
"""How the keys begin that say what a job asks for; they stand before all other values."""
_TARGET = f"{RESOURCES}target"


@dataclass(frozen=True)
class Row:
    """A line: a title, a group with its choice, a node of the tree, or a value."""

    kind: Literal["title", "group", "node", "value"]
    name: str
    """What stands there: the last part of its key, or all of it where the others are not seen."""
    key: str = ""
    depth: int = 0
    value: str = ""
    default: str = ""
    expected: str = ""
    origin: str = ""
    help: str = ""
    problem: str = ""
    choices: tuple[str, ...] = ()
    resolved: str = ""
    """The value with all that it refers to filled in, where that is another text."""
    typed: bool = False
    """Whether the draft sets it."""
    suggested: str = ""
    """The value that past runs speak for, where it has another one; and `advice`, why."""
    advice: str = ""

    @property
    def can_change(self) -> bool:
        """Whether it has a value of its own."""
        return self.kind in ("group", "value")


def rows_of(
    form: Form,
    overrides: Sequence[str],
    searched: str = "",
    *,
    changed_only: bool = False,
    suggested: Mapping[str, Suggestion] | None = None,
) -> list[Row]:
    """All lines, or those with every word of a search in them.

    Parameters
    ----------
    form
        What was composed last.
    overrides
        The draft, which may be newer than the form: its values are shown at once.
    changed_only
        Whether to leave out what is as the configs have it.
    suggested
        Key to what past runs speak for.
    """
    words = searched.casefold().split()

    def wanted(row: Row) -> bool:
        text = f"{row.key} {row.value} {row.help}".casefold()
        return all(word in text for word in words) and (row.typed or not changed_only)

    order = sorted(form.groups, key=lambda group: group.name.partition("/")[0] == _LAST)
    groups = [row for row in (group_row(one, form, overrides) for one in order) if wanted(row)]
    values = [row for row in (value_row(one, overrides) for one in form.entries) if wanted(row)]
    values = [advised(row, suggested or {}) for row in values]
    is_flat = bool(words) or changed_only
    if words:
        groups.sort(key=lambda row: rank(row, searched))
        values.sort(key=lambda row: rank(row, searched))
    if is_flat:
        return [*_titled("Groups", groups), *_titled("Values", values)]
    asked = [row for row in values if row.key.startswith(RESOURCES) and row.key != _TARGET]
    others = [row for row in values if row not in asked]
    named = [replace(row, name=row.key.removeprefix(RESOURCES)) for row in asked]
    titled = [*_titled("Groups", groups), *_titled("Resources", named)]
    return [*titled, *_titled("Values", list(_tree(others)))]


def advised(row: Row, suggested: Mapping[str, Suggestion]) -> Row:
    """A line with what is suggested for it, unless that is what it has."""
    found = suggested.get(row.key)
    if found is None or not found.is_new(row.value):
        return row
    return replace(row, suggested=found.value, advice=found.sentence)


def rank(row: Row, searched: str) -> int:
    """How well a line fits a search: 0 by the last part of its key, 1 by its key, 2 by more."""
    words, key = searched.casefold().split(), row.key.casefold()
    if not row.can_change:
        return 3
    last = key.replace("/", ".").rpartition(".")[2]
    return 0 if all(w in last for w in words) else 1 if all(w in key for w in words) else 2


def _titled(title: str, rows: Sequence[Row]) -> Iterator[Row]:
    if rows:
        yield Row("title", title, key=f"#{title}")
        yield from rows


def group_row(group: Group, form: Form, overrides: Sequence[str]) -> Row:
    """The line of a group, with what its option says about itself."""
    typed = draft.find(overrides, group.name)
    # What is not typed may follow from another choice; what was taken back is as it was.
    taken_back = draft.find(form.overrides, group.name) is not None
    value = group.default if taken_back else group.chosen
    value = typed.partition("=")[2] if typed else value
    option = next((one for one in group.options if one.name == value), None)
    broken = option.problem if option else ""
    return Row(
        kind="group",
        name=group.name,
        key=group.name,
        value=value or NOTHING,
        default=group.default or NOTHING,
        expected=", ".join(one.name for one in group.options),
        origin=draft.TYPED if typed else "",
        help=option.help if option else "",
        problem=broken or problem_about(group.name, form.problems),
        choices=tuple(one.name for one in group.options),
        typed=typed is not None,
    )


def value_row(entry: Entry, overrides: Sequence[str]) -> Row:
    """The line of a value, with its whole key for a name."""
    typed = draft.find(overrides, entry.key)
    value = entry.text
    if typed is not None:
        value = typed.partition("=")[2] if "=" in typed else "(taken out)"
    elif entry.origin == draft.TYPED:  # taken back since
        value = entry.default if entry.default is not None else NOTHING
    return Row(
        kind="value",
        name=entry.key,
        key=entry.key,
        value=value,
        default=NOTHING if entry.default is None else entry.default,
        expected=entry.expected,
        origin=draft.TYPED if typed is not None else entry.origin.replace(draft.TYPED, ""),
        help=entry.help,
        problem=entry.problem,
        choices=entry.choices,
        resolved=draft.text_of(entry.value) if "${" in value and entry.value is not None else "",
        typed=typed is not None,
    )


def _tree(values: Sequence[Row]) -> Iterator[Row]:
    """The values below the nodes that they belong to."""
    rows = {row.key: row for row in values}
    for key, depth, is_node in tree_of(rows):
        name = key.rpartition(".")[2]
        if is_node:
            yield Row("node", name, key=key, depth=depth)
        else:
            yield replace(rows[key], name=name, depth=depth)


def problem_about(key: str, problems: Sequence[str]) -> str:
    """The first of the sentences that is about a key or group, which it then begins with."""
    return next((one for one in problems if key_in(one) == key), "")


def key_in(problem: str) -> str:
    """The key or group that a sentence begins with; empty where there is none."""
    word = problem.lstrip("+~").split(maxsplit=1)[0] if problem.strip() else ""
    key = word.partition("=")[0].rstrip(":").partition(":")[0].partition("@")[0]
    return key if key and all(part.isidentifier() for part in _parts(key)) else ""


def _parts(key: str) -> list[str]:
    return key.replace("/", ".").replace("-", "_").split(".")
