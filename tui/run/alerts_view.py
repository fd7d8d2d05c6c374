"""What there is to act on in a run; nothing at all where there is nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from tui.look import Look
from tui.widgets.painted import Painted, fit, strip_of

if TYPE_CHECKING:
    from tui.run.alerts import Alert

MOST = 3
"""Alerts that are shown; in a low screen one."""
LOW = 20
LOWEST = 14
"""In a screen of fewer lines an alert has one line, else two if it needs them."""

_SIGNS = {"error": "✗", "warning": "!", "info": "i"}
_ASCII_SIGNS = _SIGNS | {"error": "x"}


class AlertsView(Painted):
    """Each alert in a line: what is wrong, then what to do."""

    DEFAULT_CSS = """
    AlertsView {
        height: 1;
        padding: 0 1;
        display: none;
        background: $panel;
        & .alert--error { color: $text-error; text-style: bold; }
        & .alert--warning { color: $text-warning; text-style: bold; }
        & .alert--info { color: $text-accent; text-style: bold; }
        & .alert--text { color: $foreground; }
        & .alert--action { color: $foreground 75%; }
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"alert--{name}" for name in ["error", "warning", "info", "text", "action"]
    }

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look = look
        self.alerts: Sequence[Alert] = ()

    def show_alerts(self, alerts: Sequence[Alert], width: int, screen_height: int) -> None:
        """Show these, the loudest first."""
        self.alerts = alerts
        lines = self._lines_for(width - 2, screen_height)
        self.display = bool(lines)
        if lines and (self.styles.height is None or self.styles.height.value != len(lines)):
            self.styles.height = len(lines)
        self.repaint()

    def paint(self, width: int, height: int) -> list[Strip]:
        """The lines."""
        return self._lines_for(width, self.app.size.height)

    def _lines_for(self, width: int, screen_height: int) -> list[Strip]:
        lines: list[Strip] = []
        most = MOST if screen_height >= LOW else 1
        shown = self.alerts[:most]
        hidden = len(self.alerts) - len(shown)
        for number, alert in enumerate(shown):
            more = f"  and {hidden} more" if hidden and number == len(shown) - 1 else ""
            lines += self._alert(alert, width, screen_height >= LOWEST, more)
        return lines

    def _alert(self, alert: Alert, width: int, may_wrap: bool, more: str) -> list[Strip]:
        """The lines of one alert: a second one for what to do, if one is too short for both."""
        signs = _ASCII_SIGNS if self._look.ascii else _SIGNS
        arrow = "->" if self._look.ascii else "→"
        sign = (f"{signs[alert.level]} ", self.style_of(f"alert--{alert.level}"))
        text, action = self.style_of("alert--text"), self.style_of("alert--action")
        told, to_do = alert.text + more, f"{arrow} {alert.action}"
        if 2 + cell_len(told) + 2 + cell_len(to_do) <= width:
            return [strip_of(sign, (told, text), ("  ", Style()), (to_do, action))]
        if may_wrap:
            return [
                strip_of(sign, (fit(told, width - 2, more=self._look.more), text)),
                strip_of(("  ", Style()), (fit(to_do, width - 2, more=self._look.more), action)),
            ]
        room = max(8, width - 2 - min(cell_len(to_do) + 2, width // 2))
        told = fit(told, min(cell_len(told), room), more=self._look.more)
        left = max(0, width - 4 - cell_len(told))
        return [
            strip_of(sign, (told, text), ("  ", Style()), (fit(to_do, left), action)),
        ]
