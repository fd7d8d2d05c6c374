"""The way into the Configure screen: of a run only once its config has been read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from textual.screen import Screen

from engine.facts.text import plain
from tui.ending import Ending

if TYPE_CHECKING:
    from tui.app import Settings
    from tui.configure.feed import ComposeFeed
    from tui.configure.messages import Cloned
    from tui.feeds import Post


WARM_S = 3.0
"""From the start of the app until Hydra and the configs are loaded, which takes half a second that
nobody waits for then."""


class Opening(Ending):
    """An app that can show the draft of a training."""

    settings: Settings

    def __init__(self) -> None:
        super().__init__()
        self._composing: ComposeFeed | None = None
        self._asked: tuple[str, Screen[object]] | None = None
        """A run whose draft is wanted, and the screen on which it was asked for."""

    def on_mount(self) -> None:
        """Load soon what the form needs, if it may be wanted."""
        if not self.settings.read_only:
            self.set_timer(WARM_S, self._warm)

    def _warm(self) -> None:
        if self._composing is None:
            self.composing(self.post_message)

    @property
    def is_opening(self) -> bool:
        """Whether the config of a run is being read."""
        return self._asked is not None

    def configure(self, run: str = "") -> None:
        """Show the draft of a training; with a path, a draft of that run."""
        is_first = self._composing is None
        feed = self.composing(self.post_message)  # it has much to load, and begins at once
        self._asked = (run, self.screen) if run else None
        if not run:
            self._show_page("")
            return
        feed.clone(run)
        if is_first:
            self.notify("reading its config …", timeout=1)

    def on_cloned(self, message: Cloned) -> None:
        """Show the draft of a run; where there is none, say why and stay."""
        asked, self._asked = self._asked, None
        if asked is None or asked != (message.path, self.screen):
            return  # somebody has gone elsewhere
        if message.problem:
            told = f"{os.path.basename(message.path)}: {message.problem}"
            self.notify(plain(told), title="no draft", severity="error", markup=False)
        else:
            self._show_page(message.path).post_message(message)

    def _show_page(self, run: str) -> Screen[None]:
        from tui.screens.configure import ConfigurePage

        page = ConfigurePage(run)
        self.push_screen(page)
        return page

    def composing(self, post: Post) -> ComposeFeed:
        """The thread that composes configs, which from now on tells `post` what it finds."""
        from tui.configure.feed import ComposeFeed

        if self._composing is None:
            self._composing = ComposeFeed(self.settings.config_dirs, post, self.settings.trusted)
            self._composing.start()
        self._composing.tell(post)
        return self._composing
