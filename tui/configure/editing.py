"""How the draft is edited: options chosen, values set, overrides typed, points left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.widgets import Input

from engine.config import draft
from engine.tables.groups import SEED
from tui.configure.draft_state import Draft, turned
from tui.configure.drafting import Drafting
from tui.configure.form_list import FormList
from tui.configure.form_pane import FormPane
from tui.configure.option_picker import Choice, OptionPicker
from tui.configure.override_line import OverrideLine
from tui.configure.part_list import PartList
from tui.configure.points_list import PointsList
from tui.configure.rows import NOTHING, Row
from tui.dialogs import TextDialog
from tui.widgets.search_line import SearchLine

MOST_SEEDS = 1000


class Editing(Drafting):
    """A page whose form, overrides and points are edited."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Before all others, so that what is typed right behind them goes into the line that opens.
        Binding(
            "enter", "edit", "Edit", priority=True, tooltip="Choose an option, or type a value"
        ),
        Binding(
            "e,colon", "overrides", "Overrides", key_display="e", tooltip="Type overrides",
            priority=True,
        ),
        Binding("slash", "search", "Search", key_display="/", priority=True),
        Binding("S", "seeds", "Seeds", show=False, tooltip="Train with several seeds"),
    ]  # fmt: skip

    def __init__(self, run: str = "") -> None:
        super().__init__(run)
        self._typing_from: Draft | None = None

    def show_typed(self, problem: str) -> None:
        """Something is being typed, with what is wrong with it."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key opens a line: not within one."""
        if action == "edit":
            row = self.query_one(FormList).row if isinstance(self.focused, FormList) else None
            return row is not None and row.can_change
        if action == "search":
            return isinstance(self.focused, PartList)
        if action == "overrides":
            return not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    def action_search(self) -> None:
        """Search the part that has the keys."""
        if isinstance(self.focused, PartList):
            self.query_one(SearchLine).ask(self.focused)

    # The form.

    def action_edit(self) -> None:
        """Edit the line of the form."""
        row = self.query_one(FormList).row
        if row is not None:
            self._edit(FormList.EditAsked(row))

    @on(FormList.EditAsked)
    def _edit(self, message: FormList.EditAsked) -> None:
        message.stop()
        if isinstance(message, FormList.ResetAsked):
            self._reset(message.row)
        elif isinstance(message, FormList.Turned):
            self._turn(message.row, message.way)
        elif message.row.kind == "group":
            self._pick(message.row)
        else:
            self.query_one(FormPane).edit(message.row)

    @on(FormPane.Typed)
    def _typing(self, message: FormPane.Typed) -> None:
        message.stop()
        if isinstance(message, FormPane.Set):
            self._set(message.key, message.text)
            return
        problem = self._problem(message.key, message.text)
        self.query_one(FormPane).tell(problem)
        self.show_typed(problem)

    @on(FormPane.Left)
    def _left(self, message: FormPane.Left) -> None:
        message.stop()
        self.show_typed("")

    def _problem(self, key: str, text: str) -> str:
        """What the schema says about what is typed; a form is there, so Hydra is loaded."""
        from engine.config.fitting import typed_problem

        return typed_problem(key, text.strip()) if text.strip() else ""

    def _set(self, key: str, text: str) -> None:
        """Set a value; an empty text takes back what was set."""
        text, before = text.strip(), draft.find(self.draft.overrides, key)
        if not text:
            self.set_overrides(draft.without(self.draft.overrides, key))
            return
        shown = before.partition("=")[2] if before else self._default(key)
        if text == shown:
            return
        if before is None and text == self._default(key):
            return
        sign = before[: len(before) - len(before.lstrip("+"))] if before else ""
        self.set_overrides(draft.put(self.draft.overrides, draft.spelled(key, text, sign)))

    def _default(self, key: str) -> str | None:
        entries = self.form.entries if self.form else ()
        return next((one.default for one in entries if one.key == key), None)

    def _turn(self, row: Row, way: int) -> None:
        """Take the next choice of a value or group, or the one before."""
        place = row.choices.index(row.value) + way if row.value in row.choices else 0
        chosen = row.choices[place % len(row.choices)]
        if row.kind == "group":
            self._choose(row.key, [chosen])
        elif chosen == row.default:
            self._reset(row)
        else:
            self._set(row.key, chosen)

    @work(exclusive=True, group="dialog")
    async def _pick(self, row: Row) -> None:
        """Pick the option of a group."""
        group = next((one for one in self.form.groups if one.name == row.key), None) \
            if self.form else None  # fmt: skip
        if group is None:
            return
        choices = [Choice(one.name, one.help, one.problem) for one in group.options]
        if group.default is None:
            choices.insert(0, Choice(NOTHING, "none of them"))
        picker = OptionPicker(row.key, choices, row.value.split(","), look=self.thesis.look)
        chosen = await self.app.push_screen_wait(picker)
        if chosen is not None:
            self._choose(row.key, [name for name in chosen if name != NOTHING])

    def _choose(self, group: str, options: Sequence[str]) -> None:
        """Choose options; the default and none take back what was chosen."""
        known = next(one for one in (self.form.groups if self.form else ()) if one.name == group)
        value = ",".join(options)
        if value in ("", known.default):
            overrides = draft.without(self.draft.overrides, group)
        else:
            override = draft.spelled(group, value, known.sign)
            overrides = draft.put(self.draft.overrides, override)
        self.set_overrides(overrides, choosing=True)

    def _reset(self, row: Row) -> None:
        """Have a line as the configs have it."""
        overrides = draft.without(self.draft.overrides, row.key)
        self.set_overrides(overrides, choosing=row.kind == "group")

    # The overrides.

    def action_overrides(self) -> None:
        """Type overrides."""
        self.query_one(OverrideLine).open()

    @on(OverrideLine.Opened)
    def _typing_begins(self) -> None:
        self._typing_from = self.draft

    @on(OverrideLine.Typed)
    def _typing_overrides(self, message: OverrideLine.Typed) -> None:
        self.show_typed(message.problem)
        if not message.problem and self._typing_from is not None:
            self.amend(replace(self.draft, overrides=message.overrides, started=False))

    @on(OverrideLine.Closed)
    def _typing_ends(self, message: OverrideLine.Closed) -> None:
        self.show_typed("")
        typed, before = self.draft, self._typing_from
        self._typing_from = None
        if before is not None and typed != before:
            self.history.amend(before)
            if message.kept:
                self.change(replace(typed, overrides=draft.collapsed(typed.overrides)))
            else:
                self.amend(before)
        if not self.query_one(OverrideLine).is_open:  # again, by a key that came meanwhile
            self.query_one(FormList).focus()

    # The points.

    @on(PointsList.Stricken)
    def _strike(self, message: PointsList.Stricken) -> None:
        """Leave a point out or take it in; those that an override leaves out are struck out."""
        points, struck = self.query_one(PointsList).points, self.draft.struck
        if draft.find(self.draft.overrides, draft.LEAVE_OUT) is not None:
            struck |= {one.differing for one in points if one.is_out}
        struck = turned(struck, message.differing, [one.differing for one in points])
        overrides = draft.without(self.draft.overrides, draft.LEAVE_OUT)
        self.change(replace(self.draft, overrides=overrides, struck=struck, started=False))

    @work(exclusive=True, group="dialog")
    async def action_seeds(self) -> None:
        """Train with several seeds."""
        from engine.config.points import seeds

        entry = next((e for e in (self.form.entries if self.form else ()) if e.key == SEED), None)
        first = entry.value if entry and type(entry.value) is int else 0
        hint = f"from {first} on; 1 is no sweep"
        dialog = TextDialog("how many seeds?", "3", hint, check=not_seeds)
        text = await self.app.push_screen_wait(dialog)
        if text is None:
            return
        self.set_overrides(draft.put(self.draft.overrides, seeds(first, int(text))))


def not_seeds(text: str) -> str:
    """Why a text is no number of seeds; empty if it is one."""
    digits = text.strip()
    is_number = digits.isdecimal() and len(digits) <= len(str(MOST_SEEDS))
    fits = is_number and 1 <= int(digits) <= MOST_SEEDS
    return "" if fits else f"{text.strip()}: give a whole number from 1 to {MOST_SEEDS}"
