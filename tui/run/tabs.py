"""The parts of the page of one run."""

from __future__ import annotations

from tui.widgets.tab_line import TabLine

TABS = ("charts", "log", "config", "numbers", "files", "figures")

_NAMES = ("Charts", "Log", "Config", "Numbers", "Files", "Figures")
_SHORT = ("Charts", "Log", "Config", "Nums", "Files", "Figs")
_ROOMY = 70


class RunTabs(TabLine):
    """A line of tabs with shorter names where there is little room."""

    DEFAULT_CSS = """
    RunTabs > .tabs--key { color: $text-accent; }
    RunTabs > .tabs--open { background: $primary; color: auto 95%; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(_NAMES, id=id)

    def on_resize(self) -> None:
        """Choose the names for the width; Textual then calls what draws them."""
        self._tabs = _NAMES if self.size.width >= _ROOMY else _SHORT
