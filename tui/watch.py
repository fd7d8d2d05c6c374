"""A thread that looks at the files of one view while that is seen."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.facts.follow import Pace
from tui.feeds import Feed, Post

RESTS_S = 3600.0
"""Between two looks of one that is not on."""


class Watch(Feed):
    """Calls `see` again and again while it is on; often while that says that there was news.

    Parameters
    ----------
    see
        Looks once, and posts what it found as a message; gives whether there was anything new,
        and whether there is more to be had at once.
    post
        Takes messages to the app.
    fastest, slowest
        Shortest and longest time between two looks, in seconds.
    """

    def __init__(
        self,
        name: str,
        see: Callable[[], tuple[bool, bool]],
        post: Post,
        fastest: float = 0.5,
        slowest: float = 10.0,
    ) -> None:
        super().__init__(name, post)
        self._see = see
        self._pace = Pace(fastest, slowest)
        self._on = False

    @property
    def on(self) -> bool:
        """Whether it looks."""
        return self._on

    def turn(self, on: bool) -> None:
        """Begin to look, or rest."""
        if on == self._on:
            return
        self._on = on
        if on and not self.is_alive():
            self.start()
        elif on:
            self.hurry()

    def look(self) -> float:
        """Look once; the seconds until the next time."""
        if not self._on:
            return RESTS_S
        news, more = self._see()
        return 0.0 if more else self._pace.next_interval(news, time.monotonic())


class Watching:
    """A view whose files a thread looks at while it is seen."""

    _watch: Watch | None = None
    """None until it is known whose files they are."""

    def watch_files(self, on: bool) -> None:
        """Begin to look, or rest."""
        if self._watch is not None:
            self._watch.turn(on)

    def stop(self) -> None:
        """Look no more."""
        if self._watch is not None:
            self._watch.stop()

    def on_unmount(self) -> None:
        """End the thread."""
        self.stop()
