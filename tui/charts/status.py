"""The line below the charts: which colour is which run, and how the charts are looked at."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from tui.charts.cell_widget import CellWidget
from tui.charts.cells import Cells, Inks
from tui.charts.title import Part, Tones, shown_place, signs_of
from tui.charts.view import Stroke, View
from tui.look import Look


class ChartStatus(CellWidget):
    """One line of parts at the left, and of parts at the right."""

    DEFAULT_CSS = """
    ChartStatus { height: 1; width: 1fr; dock: bottom; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._sides: tuple[Sequence[Part], Sequence[Part]] = ((), ())

    def show(self, left: Sequence[Part], right: Sequence[Part]) -> None:
        """Show other parts."""
        self._sides = (left, right)
        self.draw()

    def make_cells(self, width: int, height: int, tones: Tones, inks: Inks) -> Cells:
        """The line."""
        cells = Cells(width, height, inks.of(tones.text))
        left, right = self._sides
        start = max(1, width - 1 - sum(cell_len(part.text) for part in right))
        x = 1
        for part in left:
            ink = inks.of(tones.of(part.colour), part.bold)
            x = cells.write(x, 0, part.text, ink, end=start - 2)
        x = start
        for part in right:
            x = cells.write(x, 0, part.text, inks.of(tones.of(part.colour), part.bold))
        return cells


def legend(strokes: Sequence[Stroke], look: Look, width: int) -> list[Part]:
    """The name of each of the curves, as many as there is room for."""
    named = {(s.label, s.colour, s.sign): s for s in reversed(strokes)}
    parts: list[Part] = []
    used = 0
    rest = list(reversed(named.values()))
    for number, (sign, stroke) in enumerate(zip(signs_of(rest, look), rest, strict=True)):
        text = f"{sign} {stroke.label}  "
        more = f"+{len(rest) - number}"
        if used + cell_len(text) + (len(more) if number + 1 < len(rest) else 0) > width:
            return [*parts, Part(more, "muted")]
        parts.append(Part(text, stroke.colour))
        used += cell_len(text)
    return parts


def choices(view: View, page: int, n_pages: int, look: Look) -> list[Part]:
    """How the charts are looked at."""
    between = Part("  " if look.ascii else " · ", "faint")
    texts = []
    if view.cursor is not None:
        texts.append(Part(f"{view.axis} {shown_place(view.cursor, view.axis)}", "accent", True))
    else:
        texts.append(Part(view.axis, "muted"))
    chosen = {
        "log x": view.log_x,
        "log y": view.log_y,
        f"smooth {view.weight:g}": view.weight > 0,
        "1-99 %": view.trim,
        "zoom": view.window is not None,
    }
    texts += [Part(name, "muted") for name, is_on in chosen.items() if is_on]
    if n_pages > 1:
        texts.append(Part(f"[ {page + 1}/{n_pages} ]", "muted"))
    parts: list[Part] = []
    for text in texts:
        parts += [between, text] if parts else [text]
    return parts
