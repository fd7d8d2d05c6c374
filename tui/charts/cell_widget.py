"""A widget that keeps its cells, and sends again only those that have changed."""

from __future__ import annotations

import re

from textual.strip import Strip
from textual.widget import Widget

from tui.charts.cells import Cells, Inks
from tui.charts.title import Tones

_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")


class CellWidget(Widget):
    """Base of what draws itself as cells, in the colours of the theme."""

    def __init__(self) -> None:
        super().__init__()
        self._cells: Cells | None = None
        self._tones: Tones | None = None
        self._inks = Inks("#000000")

    def make_cells(self, width: int, height: int, tones: Tones, inks: Inks) -> Cells:
        """All cells, of exactly this size."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw what changed."""
        width, height = self.size
        if not self.is_attached or not width or not height:
            return
        if self._tones is None:
            self._tones = tones_of(self)
            self._inks = Inks(self._tones.ground)
        before, self._cells = self._cells, self.make_cells(width, height, self._tones, self._inks)
        if before is None or (before.width, before.height) != (width, height):
            self.refresh()
        elif regions := self._cells.changed(before):
            self.refresh(*regions)

    def notify_style_update(self) -> None:
        """Take the colours of another theme."""
        super().notify_style_update()
        if self.is_attached and self._tones not in (None, tones_of(self)):
            self._cells = self._tones = None
            self.draw()

    def on_resize(self) -> None:
        """Draw for another size."""
        self.draw()

    def render_line(self, y: int) -> Strip:
        """One line of the cells."""
        width = self.size.width
        if self._cells is None or y >= self._cells.height or self._cells.width != width:
            return Strip.blank(width, self.rich_style)
        return self._cells.strip(y, self._inks)


def tones_of(widget: Widget) -> Tones:
    """The colours of the theme, where a widget stands."""
    ground, text = widget.background_colors[1], widget.colors[3]
    variables = widget.app.theme_variables
    dark = widget.app.current_theme.dark
    accent = variables.get("text-accent", "")
    accent = accent if _COLOUR.fullmatch(accent) else text.hex6
    return Tones(ground.hex6, (ground + text).hex6, accent, dark)
