"""A line to type in, that takes all its keys in the order in which they were pressed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from textual import events
from textual.binding import Binding
from textual.widgets import Input


def _actions() -> dict[str, str]:
    """Key to action, of the stock line."""
    found: dict[str, str] = {}
    for binding in Input.BINDINGS:
        if isinstance(binding, Binding):
            found |= dict.fromkeys(binding.key.split(","), binding.action)
    return found


_ACTIONS = _actions()


class Prompt(Input):
    """The stock line, but for when its keys act.

    Textual puts characters into the line at once, and lets every other key wait until the parents
    of the line have seen it: of what is typed quickly, a backspace comes after the letters behind.

    Parameters
    ----------
    value
        What stands there to begin with.
    keys
        Further keys, and what they do.
    """

    def __init__(
        self, value: str = "", keys: Mapping[str, Callable[[], object]] | None = None, **more: Any
    ) -> None:
        super().__init__(value, select_on_focus=False, **more)
        self.cursor_blink = False
        self._keys = dict(keys or {})

    async def _on_key(self, event: events.Key) -> None:
        if self.screen.focused is not self:  # pressed before this line was left, and read behind
            event.stop()
            event.prevent_default()
            self.app.post_message(events.Key(event.key, event.character))
            return
        own, action = self._keys.get(event.key), _ACTIONS.get(event.key)
        if own is None and action is None:
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()
        if own is not None:
            own()
        else:
            await self.run_action(str(action))
