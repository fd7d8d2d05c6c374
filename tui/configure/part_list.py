"""A list that is a part of the Configure screen: it says where its cursor is."""

from __future__ import annotations

from textual.message import Message

from tui.configure.rows import Row
from tui.widgets.listing import Listing


class PartList(Listing):
    """A list with something to tell about the line under its cursor."""

    class Moved(Message):
        """The cursor is on another line."""

    @property
    def told(self) -> Row | None:
        """What is known of the line under the cursor; None for nothing."""
        return None

    @property
    def key(self) -> str:
        """The key of the config that the cursor is on; empty for none."""
        return ""

    def go_to(self, number: int) -> None:
        """Put the cursor on a line, and say so."""
        super().go_to(number)
        self.post_message(self.Moved())
