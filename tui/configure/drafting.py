"""The draft of the Configure screen: changed, undone, kept, and sent to be composed."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType

from engine.config import draft
from engine.facts.text import plain
from tui.configure.draft_state import Draft, History, changes
from tui.configure.drafts import Drafts
from tui.configure.drafts_dialog import DraftsDialog
from tui.configure.feed import ComposeFeed
from tui.configure.messages import Cloned, Composed, FormMade, PointsChecked, PointsMade, Wanted
from tui.dialogs import ConfirmDialog, TextDialog
from tui.page import Page

if TYPE_CHECKING:
    from engine.config.form import Form

_NUMBERS = itertools.count(1)
"""Of the drafts that are composed; no two pages use the same."""


class Drafting(Page):
    """A page with a draft; what it shows of it is for the classes below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "undo", "Undo"),
        Binding("ctrl+r", "redo", "Redo", show=False),
        Binding("w", "save_as", "Save as", show=False, tooltip="Keep the draft under a name"),
        Binding("o", "open", "Drafts", show=False, tooltip="Open or delete a draft that is kept"),
        Binding(
            "N", "begin", "New", show=False, tooltip="Begin a new draft; the present one is kept"
        ),
    ]

    def __init__(self, run: str = "") -> None:
        super().__init__()
        self._run = run
        """The draft that the one of the run is to take the place of."""
        self.history = History()
        self.form: Form | None = None
        """What was composed last; None until there is something."""
        self.composed = Composed()
        self._number = 0
        self._told_number = self._points_number = -1
        self._before: tuple[str, ...] | None = None
        self._feed: ComposeFeed | None = None
        self._all_told = asyncio.Event()

    # For the classes below.

    def show_draft(self) -> None:
        """The draft is another one."""

    def show_form(self) -> None:
        """There is another form of it."""

    def show_points(self, message: PointsMade) -> None:
        """There are other points."""

    def show_checked(self, message: PointsChecked) -> None:
        """Some points are checked."""

    # The draft.

    @property
    def draft(self) -> Draft:
        """The present draft."""
        return self.history.present

    @property
    def drafts(self) -> Drafts:
        """Those that are kept."""
        return self.thesis.drafts

    @property
    def is_composed(self) -> bool:
        """Whether what is shown is of the present draft."""
        return self._told_number == self._number

    async def until_composed(self) -> None:
        """Wait until the form and the points are those of the present draft."""
        await self._all_told.wait()

    @property
    def is_idle(self) -> bool:
        """Whether all that is wanted of the thread is told."""
        told = self._points_number == self._number
        return told and not self._run and self._feed is not None and self._feed.is_idle

    def begin(self) -> None:
        """Show the draft that was written last, until that of a run comes."""
        self._feed = self.thesis.composing(self.post_message)
        self.history = self.drafts.history
        if self.draft.started:
            self.history.change(Draft())
        self._changed()

    def set_overrides(self, overrides: Sequence[str], *, choosing: bool = False) -> None:
        """Go on with other overrides.

        Parameters
        ----------
        choosing
            Whether an option was chosen: values that go with it are dropped.
        """
        before = self.draft.overrides
        if self.history.change(replace(self.draft, overrides=tuple(overrides), started=False)):
            self._changed(before if choosing else None)

    def change(self, draft: Draft) -> None:
        """Go on with another draft."""
        if self.history.change(draft):
            self._changed()

    def amend(self, draft: Draft) -> None:
        """Have another draft for the present one, which is being typed."""
        self.history.amend(draft)
        self._changed()

    def take(self, draft: Draft) -> bool:
        """Begin with a draft from elsewhere; whether the present one is kept without a name."""
        is_left = self.drafts.leave()
        self.change(draft)
        return is_left

    def _changed(self, before: tuple[str, ...] | None = None) -> None:
        """Keep the draft, show it, and have it composed."""
        self.drafts.keep()
        self.thesis.save_soon()
        self._number = next(_NUMBERS)
        self._all_told.clear()
        self._before = self._before or before
        if self._feed is not None:
            wanted = Wanted(self._number, self.draft.overrides, self._before, self.draft.parent)
            self._feed.want(wanted)
        self.show_draft()

    # What the thread says; of an older draft nothing counts.

    @on(FormMade)
    def _form_made(self, message: FormMade) -> None:
        if message.wanted.number != self._number or not self.is_running:
            return
        self._told_number, self._before = self._number, None
        self.form, self.composed = message.form, message.composed
        if message.dropped:
            self.history.amend(replace(self.draft, overrides=message.form.overrides))
            self.drafts.keep()
            self.thesis.save_soon()
            told = ", ".join(map(plain, message.dropped))
            self.notify(f"dropped with the option: {told}; u brings it back", markup=False)
            self.show_draft()
        self.show_form()

    @on(PointsMade)
    def _points_made(self, message: PointsMade) -> None:
        if message.number == self._number and self.is_running:
            self._points_number = message.number
            self.show_points(message)
            self._all_told.set()

    @on(PointsChecked)
    def _points_checked(self, message: PointsChecked) -> None:
        if message.number == self._number and self.is_running:
            self.show_checked(message)

    @on(Cloned)
    def _cloned(self, message: Cloned) -> None:
        if message.path != self._run:
            return
        self._run = ""
        is_left = self.take(Draft(message.overrides, parent=message.path))
        told = "; the draft before is kept: o lists it" if is_left else ""
        name = plain(os.path.basename(message.path))
        self.notify(f"a draft of {name}{told}", timeout=5, markup=False)

    # Keys.

    def action_undo(self) -> None:
        """Go back to the draft before."""
        self._step(self.history.undo, "undone", "nothing to undo")

    def action_redo(self) -> None:
        """Take back the undoing."""
        self._step(self.history.redo, "done again", "nothing was undone")

    def _step(self, step: Callable[[], bool], done: str, nothing: str) -> None:
        before = self.draft.overrides
        self._before = None
        if not step():
            self.notify(nothing, timeout=2)
            return
        self._changed()
        told = changes(before, self.draft.overrides)
        if told:
            self.notify(plain(f"{done}: {told}"), timeout=2, markup=False)

    def action_begin(self) -> None:
        """Begin a new draft."""
        if self.draft.is_empty and not self.draft.parent:
            self.notify("this draft is new", timeout=2)
        else:
            self.take(Draft())
            self.notify("a new draft; u brings the other back", timeout=3)

    @work(exclusive=True, group="dialog")
    async def action_save_as(self) -> None:
        """Keep the draft under a name."""
        hint = plain(draft.write_line(self.draft.overrides)) or "the config as it is by default"
        dialog = TextDialog("keep the draft as", self.draft.name, hint)
        name = await self.app.push_screen_wait(dialog)
        name = " ".join((name or "").split())
        if name and await self._may_save_as(name):
            self.change(replace(self.draft, name=name))
            self.drafts.save_as(self.draft)
            self.thesis.save_soon()
            self.notify(f"kept as {name}", timeout=2, markup=False)

    async def _may_save_as(self, name: str) -> bool:
        """Whether the draft is to have a name: somebody is asked if another one has it."""
        await asyncio.to_thread(self.drafts.look)
        there = self.drafts.named.get(name)
        if there is None or there == replace(self.draft, name=name):
            return True
        lost = plain(draft.write_line(there.overrides)) or "the config as it is by default"
        details = f"What is kept under this name is lost: {lost}"
        return await self.app.push_screen_wait(ConfirmDialog(f"replace {name}?", details))

    @work(exclusive=True, group="dialog")
    async def action_open(self) -> None:
        """Open a draft that is kept."""
        await asyncio.to_thread(self.drafts.look)
        if not self.drafts.named and not self.drafts.left:
            self.notify("no draft is kept: w keeps this one under a name", timeout=3)
            return
        dialog = DraftsDialog(self.drafts, self.thesis.save_soon)
        chosen = await self.app.push_screen_wait(dialog)
        if chosen is not None:
            self.take(replace(chosen, started=False))
