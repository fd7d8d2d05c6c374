"""One chart: it keeps its cells, and sends again only those that have changed."""

from __future__ import annotations

import re

from textual.strip import Strip
from textual.widget import Widget

from tui.cells import Cells, Inks
from tui.look import Look
from tui.widgets.chart_picture import Plot, picture
from tui.widgets.chart_title import Tones

_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")


class Chart(Widget):
    """Draws one plot after the other."""

    DEFAULT_CSS = """
    Chart { height: 1fr; width: 1fr; }
    """

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._plot: Plot | None = None
        self._cells: Cells | None = None
        self._tones: Tones | None = None
        self._inks = Inks("#000000")

    @property
    def plot(self) -> Plot | None:
        """What is shown."""
        return self._plot

    @property
    def columns(self) -> int:
        """Cells across which the curves are drawn."""
        return max(1, self.size.width - self._left - 1)

    @property
    def _left(self) -> int:
        return self._plot.gutter + 1 if self._plot else 0

    def place_at(self, screen_x: int) -> float | None:
        """The place on the horizontal axis, from 0 to 1, at a column of the screen."""
        place = (screen_x - self.content_region.x - self._left + 0.5) / self.columns
        return place if 0 <= place <= 1 else None

    def show(self, plot: Plot | None) -> None:
        """Show a plot, or nothing."""
        self._plot = plot
        self._draw()

    def notify_style_update(self) -> None:
        """Take the colours of another theme."""
        super().notify_style_update()
        if self.is_attached and self._tones not in (None, tones_of(self)):
            self._cells = self._tones = None
            self._draw()

    def on_resize(self) -> None:
        """Draw for another size."""
        self._draw()

    def render_line(self, y: int) -> Strip:
        """One line of the cells."""
        width = self.size.width
        if self._cells is None or y >= self._cells.height or self._cells.width != width:
            return Strip.blank(width, self.rich_style)
        return self._cells.strip(y, self._inks)

    def _draw(self) -> None:
        width, height = self.size
        if not self.is_attached or not width or not height:
            return
        if self._tones is None:
            self._tones = tones_of(self)
            self._inks = Inks(self._tones.ground)
        before = self._cells
        if self._plot is None:
            self._cells = Cells(width, height, self._inks.of(self._tones.text))
        else:
            self._cells = picture(self._plot, width, height, self._look, self._tones, self._inks)
        if before is None or (before.width, before.height) != (width, height):
            self.refresh()
        elif regions := self._cells.changed(before):
            self.refresh(*regions)


def tones_of(widget: Widget) -> Tones:
    """The colours of the theme, where a widget stands."""
    ground, text = widget.background_colors[1], widget.colors[3]
    variables = widget.app.theme_variables
    dark = widget.app.current_theme.dark
    accent = variables.get("text-accent", "")
    accent = accent if _COLOUR.fullmatch(accent) else text.hex6
    return Tones(ground.hex6, (ground + text).hex6, accent, dark)
