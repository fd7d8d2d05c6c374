"""Where the draft is to train: this machine or a cluster, and what it asks for there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from engine.config import draft
from engine.launch.job import HTCONDOR, LOCAL
from tui.configure.editing import Editing
from tui.configure.form_list import FormList
from tui.configure.rows import RESOURCES, Row

if TYPE_CHECKING:
    from engine.config.launcher import Launcher
    from engine.launch.suggest import Suggestion

LAUNCHER = "launcher"
"""The config group with the targets."""


class Targeting(Editing):
    """A page whose draft goes to one of several places."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "suggested", "Suggested", tooltip="Take the value that past runs speak for"),
    ]

    def __init__(self, run: str = "") -> None:
        super().__init__(run)
        self._set_aside: tuple[str, ...] = ()
        """The overrides about a cluster, while the target is this machine."""
        self._to_resources = False
        """Whether the cursor is to go to the resources once they are there."""

    @property
    def launcher(self) -> Launcher:
        """What the form says about the target."""
        from engine.config.launcher import Launcher, launcher_in

        return launcher_in(self.form.settings) if self.form else Launcher()

    @property
    def target(self) -> str:
        """Where the draft goes; told from its overrides while these are being composed."""
        typed = draft.find(self.draft.overrides, LAUNCHER)
        chosen = typed.partition("=")[2] if typed else LOCAL
        known = (LOCAL, HTCONDOR)
        return chosen if chosen in known and not self.is_composed else self.launcher.target

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A suggestion is taken where there is one."""
        if action == "suggested":
            return bool(self._advised())
        return super().check_action(action, parameters)

    def action_target(self) -> None:
        """Train on the other one of this machine and HTCondor."""
        if self.form is None:
            return
        if not any(group.name == LAUNCHER for group in self.form.groups):
            self.notify(f"this config has no group {LAUNCHER}", severity="warning", timeout=4)
            return
        overrides = self.draft.overrides
        about = tuple(one for one in overrides if _is_about_target(one))
        others = tuple(one for one in overrides if one not in about)
        if self.target == HTCONDOR:
            self._set_aside, self._to_resources = about, False
            self.set_overrides(others)
        else:
            back = self._set_aside or (f"{LAUNCHER}={HTCONDOR}",)
            self._set_aside, self._to_resources = (), True
            self.set_overrides((*others, *back))

    def show_resources(self) -> None:
        """Go to what a job asks for, if that was just chosen; and show what is suggested."""
        form = self.query_one(FormList)
        form.suggest(self.suggestions())
        if self._to_resources and self.is_composed:
            self._to_resources = False
            first = next((row for row in form.rows if row.key.startswith(RESOURCES)), None)
            if first is not None:
                form.go_to_key(f"{RESOURCES}memory") or form.go_to_key(first.key)

    def suggestions(self) -> Mapping[str, Suggestion]:
        """Key to what past runs speak for; none for this machine."""
        from engine.launch.suggest import suggestions

        if self.form is None or self.target != HTCONDOR:
            return {}
        return suggestions(self.thesis.runs, self.form.settings, self.epoch_s())

    def epoch_s(self) -> float | None:
        """Seconds that an epoch takes, where somebody has tried."""
        return None

    def _advised(self) -> Row | None:
        form = self.focused
        row = form.row if isinstance(form, FormList) else None
        return row if row is not None and row.suggested else None

    def action_suggested(self) -> None:
        """Take what is suggested for the line under the cursor."""
        row = self._advised()
        if row is not None:
            self._set(row.key, row.suggested)


def _is_about_target(override: str) -> bool:
    key = draft.key_of(override)
    return key == LAUNCHER or key.startswith(RESOURCES)
