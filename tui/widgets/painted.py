"""A widget that keeps the lines that it shows, and sends only those that changed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

NO_STYLE = Style()


class Painted(Widget):
    """Base of widgets that draw line by line."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: list[Strip] = []

    def paint(self, width: int, height: int) -> Sequence[Strip]:
        """The lines, as many as there is room for; they are cut and filled up."""
        raise NotImplementedError

    def repaint(self) -> None:
        """Draw again what changed."""
        if not self.is_attached or not self.display:
            return
        (width, height), style = self.size, self.rich_style
        lines = [
            line.apply_style(style).adjust_cell_length(width, style)
            for line in self.paint(width, height)[:height]
        ]
        before, self._lines = self._lines, lines
        changed = [
            y for y in range(height) if _at(lines, y) is not _at(before, y)
            and _at(lines, y) != _at(before, y)
        ]  # fmt: skip
        regions = [_changed(_at(before, y), _at(lines, y), y, width) for y in changed]
        if any(regions):
            self.refresh(*filter(None, regions))

    def render_line(self, y: int) -> Strip:
        """One of the lines."""
        line = _at(self._lines, y)
        return Strip.blank(self.size.width, self.rich_style) if line is None else line

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.repaint()

    def on_show(self) -> None:
        """Draw what happened while it was hidden."""
        self.repaint()

    def notify_style_update(self) -> None:
        """Draw in the colours of another theme."""
        super().notify_style_update()
        if self.is_mounted:
            self.repaint()

    def style_of(self, name: str) -> Style:
        """The style of one of the `COMPONENT_CLASSES`, on the ground of the widget."""
        return self.get_visual_style(name).rich_style


def _changed(before: Strip | None, after: Strip | None, y: int, width: int) -> Region:
    """The cells of a line from the first that changed to the last one."""
    cells = [
        [(c, part.style) for part in strip for c in part.text] for strip in (before, after) if strip
    ]
    if len(cells) < 2 or not len(cells[0]) == len(cells[1]) == width:  # or some are wide
        return Region(0, y, width, 1)
    differ = [x for x, (one, other) in enumerate(zip(*cells, strict=True)) if one != other]
    return Region(differ[0], y, differ[-1] - differ[0] + 1, 1) if differ else Region(0, y, 0, 0)


def _at(lines: Sequence[Strip], y: int) -> Strip | None:
    return lines[y] if y < len(lines) else None


def fit(text: str, width: int, *, right: bool = False, more: str = "…") -> str:
    """A text in exactly so many cells: cut, with a sign at its end, or filled up."""
    if width < 1:
        return ""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + more
    return " " * (width - length) + text if right else text + " " * (width - length)


def strip_of(*parts: tuple[str, Style]) -> Strip:
    """A line of texts with their styles."""
    return Strip([Segment(text, style) for text, style in parts if text])
