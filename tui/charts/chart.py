"""One chart, as a widget."""

from __future__ import annotations

from tui.charts.cell_widget import CellWidget
from tui.charts.cells import Cells, Inks
from tui.charts.picture import Plot, picture
from tui.charts.title import Tones
from tui.look import Look


class Chart(CellWidget):
    """Draws one plot after the other."""

    DEFAULT_CSS = """
    Chart { height: 1fr; width: 1fr; }
    """

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._plot: Plot | None = None

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
        self.draw()

    def make_cells(self, width: int, height: int, tones: Tones, inks: Inks) -> Cells:
        """The plot."""
        if self._plot is None:
            return Cells(width, height, inks.of(tones.text))
        return picture(self._plot, width, height, self._look, tones, inks)
