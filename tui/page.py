"""What all screens share: they draw what the app knows, when it says that there is news."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.screen import Screen

if TYPE_CHECKING:
    from tui.app import ThesisApp


class Page(Screen[None]):
    """A screen that is told when runs or curves change, while it is the one that is seen."""

    @property
    def thesis(self) -> ThesisApp:
        """The app."""
        return cast("ThesisApp", self.app)

    @property
    def is_settled(self) -> bool:
        """Whether all that this screen shows is there; a picture of it waits for that."""
        return True

    def runs_changed(self) -> None:
        """There is a new list of runs in `thesis.runs`."""

    def curves_changed(self, paths: frozenset[str]) -> None:
        """There is more of the curves of these runs."""

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen was seen."""
        self.runs_changed()
        self.curves_changed(frozenset())
