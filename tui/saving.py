"""The thread that writes what the app keeps: drafts at once, choices now and then."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tui.feeds import Feed, Post
from tui.messages import KeepingFailed

if TYPE_CHECKING:
    from tui.configure.drafts import Drafts
    from tui.remembered import Remembered

SAVE_EVERY_S = 10.0
"""Between two writings of what is remembered, if it changed; and two looks at others' drafts."""


class Saving(Feed):
    """Writes drafts when it is hurried, and all else every now and then.

    Parameters
    ----------
    remembered, drafts
        What is written.
    post
        Takes what cannot be kept, or read of what was kept, to the app.
    """

    def __init__(self, remembered: Remembered, drafts: Drafts, post: Post) -> None:
        super().__init__("saving", post)
        self._remembered, self._drafts = remembered, drafts
        self._next = time.monotonic() + SAVE_EVERY_S
        # A picture is drawn with nothing that is kept, and nothing that cannot be.
        path = remembered.path
        self._is_kept = path is None or Path(os.devnull) not in path.parents

    def look(self) -> float:
        """Write what has changed; the seconds until the next time."""
        self._drafts.save()
        now = time.monotonic()
        if now >= self._next:
            self._drafts.look()
            self._remembered.save()
            self._next = now + SAVE_EVERY_S
        for problems in (self._remembered.problems, self._drafts.problems):
            while problems:
                told = KeepingFailed(problems.pop(0))
                if self._is_kept:
                    self._post(told)
        return self._next - now
