"""The line at the bottom: the keys that do something now, as many as there is room for.

One line drawn as a whole: the stock footer makes a widget for every key each time that the focus
moves, which takes a tenth of a second and sends all of them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import Binding
from textual.screen import Screen
from textual.strip import Strip

from tui.page import Page
from tui.widgets.painted import NO_STYLE, Painted, strip_of

ALWAYS = ("back", "dismiss", "help")
"""Actions whose keys stand at the right end, and have room before all others."""

WANTED = ("act_on_job", "launch", "target")
"""Actions whose keys have room before what is left, where they do something."""


class KeyLine(Painted):
    """The active keys of the screen, those of its focused part first; a click presses one."""

    DEFAULT_CSS = """
    KeyLine { dock: bottom; height: 1; background: $panel; }
    KeyLine > .keys--key { color: $text-accent; text-style: bold; }
    KeyLine > .keys--what { color: $foreground 80%; }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keys--key", "keys--what"}

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[Binding] = []
        self._places: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        """Follow what is active."""
        self.screen.bindings_updated_signal.subscribe(self, self._take)
        self._take(self.screen)

    def _take(self, screen: Screen[object]) -> None:
        if not self.is_attached or screen is not self.screen:
            return
        active = [one.binding for one in screen.active_bindings.values() if one.enabled]
        if isinstance(screen, Page):
            active = [one for one in active if screen.is_offered(_name(one))]
        by_action = {one.action: one for one in reversed(active) if one.show and one.description}
        order = dict.fromkeys(one.action for one in active if one.action in by_action)
        keys = [by_action[action] for action in order]
        if keys != self._keys:
            self._keys = keys
            self.repaint()

    def paint(self, width: int, height: int) -> list[Strip]:
        """The keys that there is room for."""
        last = [one for one in self._keys if _name(one) in ALWAYS]
        first = [one for one in self._keys if one not in last]
        room = width - 1
        while last and sum(map(self._width, last)) > room:
            last.pop(0)
        room -= sum(map(self._width, last))
        shown, room = self._fitting(first, room)
        parts, at, self._places = [(" ", NO_STYLE)], 1, []
        key, what = self.style_of("keys--key"), self.style_of("keys--what")
        for one in [*shown, *last]:
            if last and one is last[0]:
                parts.append((" " * room, NO_STYLE))
                at += room
            parts += [(self._shown(one), key), (f" {one.description}  ", what)]
            self._places.append((at, at + self._width(one), one.key))
            at += self._width(one)
        return [strip_of(*parts)]

    def _fitting(self, keys: Sequence[Binding], room: int) -> tuple[list[Binding], int]:
        """As many keys as there is room for, in their order; and the room that is left."""
        taken: list[Binding] = []
        for wanted in (True, False):
            for one in (key for key in keys if (_name(key) in WANTED) is wanted):
                if self._width(one) > room:
                    break
                room -= self._width(one)
                taken.append(one)
        return [one for one in keys if one in taken], room

    def _shown(self, binding: Binding) -> str:
        return self.app.get_key_display(binding)

    def _width(self, binding: Binding) -> int:
        return cell_len(self._shown(binding)) + cell_len(binding.description) + 3

    def on_click(self, event: events.Click) -> None:
        """Press the key under the mouse."""
        for start, end, key in self._places:
            if start <= event.x < end:
                self.app.simulate_key(key)


def _name(binding: Binding) -> str:
    """The action of a key, without where it acts and on what."""
    return binding.action.split("(")[0].rsplit(".", 1)[-1]
