"""What all screens share: they draw what the app knows, when it says that there is news."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.screen import Screen
from textual.widgets import Static

if TYPE_CHECKING:
    from tui.app import ThesisApp


class Page(Screen[None]):
    """A screen that is told when runs or curves change, while it is the one that is seen."""

    OWN_KEYS_FIRST: ClassVar[bool] = False
    """Whether its help begins with its own keys, before those of its focused part."""

    followed: Sequence[str] = ()
    """Paths of the runs whose curves are seen here, and read while they grow."""

    @property
    def thesis(self) -> ThesisApp:
        """The app."""
        return cast("ThesisApp", self.app)

    @property
    def is_settled(self) -> bool:
        """Whether all that this screen shows is there; a picture of it waits for that."""
        return True

    def is_offered(self, action: str) -> bool:
        """Whether the line of keys names the key of an action, which says itself why it cannot."""
        return True

    def runs_changed(self) -> None:
        """There is a new list of runs in `thesis.runs`."""

    def queue_changed(self) -> None:
        """HTCondor has said more of our jobs: see `thesis.standings`."""

    def curves_changed(self, paths: frozenset[str]) -> None:
        """There is more of the curves of these runs."""

    def write_line(self, place: str, line: Text) -> None:
        """Write a line into a widget of one, if it is another than there."""
        widget = self.query_one(place, Static)
        if widget.content != line:
            widget.update(line, layout=False)

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen was seen."""
        self.thesis.curves.want(self.followed)
        self.runs_changed()
        self.queue_changed()
        self.curves_changed(frozenset())
