"""A table with a fixed first column that scrolls both ways; what is out of sight costs nothing."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.color import Color
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from tui.widgets.painted import NO_STYLE, Painted, fit, strip_of
from tui.widgets.sheet_source import Cell, Source

GAP = 2
"""Blanks between two columns."""
WIDEST = 28
"""Cells of a column; longer values are cut, and stand whole in the line below."""
LEAST_HEAD = 9
"""Cells that the title of a column has at least, if it needs them."""
KEY_SHARE = 0.4
"""The fixed column takes at most this part of the width."""


class Sheet(Painted, can_focus=True):
    """Shows a `Source`, with a cursor on one of its values."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "sheet--head", "sheet--group", "sheet--same", "sheet--best", "sheet--row", "sheet--cursor",
        "sheet--told",
    }  # fmt: skip
    DEFAULT_CSS = """
    Sheet { height: 1fr; width: 1fr; padding: 0; }
    Sheet > .sheet--head { text-style: bold; }
    Sheet > .sheet--group { color: $text-accent; text-style: bold; }
    Sheet > .sheet--same { color: $foreground 45%; }
    Sheet > .sheet--best { color: $text-success; text-style: bold; }
    Sheet > .sheet--row { background: $foreground 8%; }
    Sheet > .sheet--cursor { background: $primary; color: $text; text-style: bold; }
    Sheet > .sheet--told { color: $text-muted; }
    """
    HELP_TITLE = "the table"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1, 0)", "Row up", show=False),
        Binding("down", "move(1, 0)", "Row down", show=False),
        Binding("left", "move(0, -1)", "Column left", show=False),
        Binding("right", "move(0, 1)", "Column right", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "jump(0, None)", "First row", show=False),
        Binding("end", "jump(-1, None)", "Last row", show=False),
        Binding("ctrl+home", "jump(None, 0)", "First column", show=False),
        Binding("ctrl+end", "jump(None, -1)", "Last column", show=False),
        Binding("enter", "choose", "Open run", show=False),
    ]

    class Chosen(Message):
        """Enter was pressed on a value."""

        def __init__(self, row: int, column: int) -> None:
            super().__init__()
            self.row, self.column = row, column

    def __init__(self, *, more: str = "…", id: str | None = None) -> None:
        super().__init__(id=id)
        self.source: Source | None = None
        self.row = self.column = 0
        self._top = self._first = 0
        self._widths: dict[int, int] = {}
        self._key_width = 0
        self.more = more

    def show(self, source: Source, row: int | None = None, column: int | None = None) -> None:
        """Show something else, or the same with news; the cursor stays, or goes to a place."""
        self.source = source
        self._widths.clear()
        self._key_width = 0
        self._move_to(self.row if row is None else row, self.column if column is None else column)

    @property
    def n_heads(self) -> int:
        """Lines above the first row."""
        source = self.source
        return 2 if source and source.n_columns and source.group(0) else 1

    @property
    def page_rows(self) -> int:
        """Rows that there is room for; the last line tells about the cursor's value."""
        return max(1, self.size.height - self.n_heads - 1)

    def paint(self, width: int, height: int) -> list[Strip]:
        """Titles, rows, and the line about the value under the cursor."""
        source = self.source
        if source is None or not width:
            return []
        columns = self._visible(source, width)
        lines = [self._groups(source, columns)] if self.n_heads == 2 else []
        lines.append(self._heads(source, columns))
        rows = range(self._top, min(source.n_rows, self._top + self.page_rows))
        lines += [self._row(source, row, columns) for row in rows]
        lines += [Strip([])] * (height - 1 - len(lines))
        return [*lines[: height - 1], self._told(source, columns, width)]

    def _visible(self, source: Source, width: int) -> list[tuple[int, int]]:
        """The columns that are seen, and their widths; the last one may be cut."""
        left = width - self.key_width(source) - GAP
        columns: list[tuple[int, int]] = []
        for column in range(self._first, source.n_columns):
            if left < 4 and columns:
                break
            columns.append((column, max(1, min(left, self._width(source, column)))))
            left -= columns[-1][1] + GAP
        return columns

    def key_width(self, source: Source) -> int:
        """Cells of the fixed column."""
        if not self._key_width:
            keys = [source.key(row).width for row in range(source.n_rows)]
            self._key_width = max([cell_len(source.corner), *keys])
        return max(1, min(self._key_width, int(self.size.width * KEY_SHARE)))

    def _width(self, source: Source, column: int) -> int:
        if column not in self._widths:
            cells = [source.cell(row, column).width for row in range(source.n_rows)]
            head = source.head(column).width
            each = (self.size.width - self.key_width(source)) // max(1, source.n_columns) - GAP
            width = max([min(head, max(LEAST_HEAD, each)), *cells])
            group = source.group(column)
            if group and (column == 0 or source.group(column - 1) != group):
                same = column + 1
                while same < source.n_columns and source.group(same) == group:
                    same += 1
                others = sum(self._width(source, one) + GAP for one in range(column + 1, same))
                width = max(width, cell_len(group) - others)
            self._widths[column] = min(width, WIDEST)
        return self._widths[column]

    def _groups(self, source: Source, columns: list[tuple[int, int]]) -> Strip:
        style = self.style_of("sheet--group")
        parts = [(" " * (self.key_width(source) + GAP), NO_STYLE)]
        spans: list[tuple[str, int]] = []
        for column, width in columns:
            name = source.group(column)
            if spans and spans[-1][0] == name:
                spans[-1] = (name, spans[-1][1] + GAP + width)
            else:
                spans.append((name, width))
        for name, width in spans:
            parts += [(fit(name, width, more=self.more), style), (" " * GAP, NO_STYLE)]
        return strip_of(*parts)

    def _heads(self, source: Source, columns: list[tuple[int, int]]) -> Strip:
        style, mark = self.style_of("sheet--head"), NO_STYLE
        if self.has_focus:
            mark = Style(bgcolor=self.style_of("sheet--row").bgcolor)
        parts = [(fit(source.corner, self.key_width(source), more=self.more), style)]
        for column, width in columns:
            parts.append((" " * GAP, NO_STYLE))
            here = style + mark if column == self.column else style
            parts += self._parts(source.head(column), width, here)
        return strip_of(*parts)

    def _row(self, source: Source, row: int, columns: list[tuple[int, int]]) -> Strip:
        ground = NO_STYLE
        if row == self.row:
            ground = Style(bgcolor=self.style_of("sheet--row").bgcolor)
        parts = self._parts(source.key(row), self.key_width(source), ground)
        for column, width in columns:
            cell = source.cell(row, column)
            here = ground
            if cell.look:
                here = Style(
                    color=self.style_of(f"sheet--{cell.look}").color, bold=cell.look == "best"
                ) + Style(bgcolor=ground.bgcolor)
            if row == self.row and column == self.column and self.has_focus:
                here = self.style_of("sheet--cursor")
            parts.append((" " * GAP, ground))
            parts += self._parts(cell, width, here)
        used = sum(cell_len(text) for text, _ in parts)
        return strip_of(*parts, (" " * max(0, self.size.width - used), ground))

    def _parts(self, cell: Cell, width: int, style: Style) -> list[tuple[str, Style]]:
        if not cell.sign:
            return [(fit(cell.text, width, right=cell.right, more=self.more), style)]
        colour = Style(color=Color.parse(cell.colour)) if cell.colour else NO_STYLE
        room = width - cell_len(cell.sign) - 1
        text = fit(cell.text, room, right=cell.right, more=self.more)
        return [(fit(cell.sign, min(width, cell_len(cell.sign))), style + colour), (" ", style),
                (text, style)]  # fmt: skip

    def _told(self, source: Source, columns: list[tuple[int, int]], width: int) -> Strip:
        style = self.style_of("sheet--told")
        if not (source.n_rows and source.n_columns):
            return Strip([])
        places = []
        if source.n_rows > self.page_rows:
            places.append(f"row {self.row + 1}/{source.n_rows}")
        if len(columns) < source.n_columns:
            places.append(f"column {self.column + 1}/{source.n_columns}")
        place = "  ".join(places)
        room = width - cell_len(place) - GAP
        told = fit(source.told(self.row, self.column), room, more=self.more)
        return strip_of((told, style), (" " * GAP + place, style))

    def _move_to(self, row: int, column: int) -> None:
        source = self.source
        if source is None:
            return
        self.row = max(0, min(row, source.n_rows - 1))
        self.column = max(0, min(column, source.n_columns - 1))
        last_top = max(0, source.n_rows - self.page_rows)
        self._top = max(self.row - self.page_rows + 1, min(self._top, self.row, last_top))
        self._first = min(self._first, self.column)
        while self._first < self.column and not self._is_whole(source):
            self._first += 1
        self.repaint()

    def _is_whole(self, source: Source) -> bool:
        """Whether the column of the cursor is seen from end to end."""
        seen = dict(self._visible(source, self.size.width))
        return seen.get(self.column, 0) >= self._width(source, self.column)

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._widths.clear()
        self._move_to(self.row, self.column)

    def on_focus(self) -> None:
        """Show the cursor."""
        self.repaint()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.repaint()

    def action_move(self, rows: int, columns: int) -> None:
        """Move the cursor."""
        self._move_to(self.row + rows, self.column + columns)

    def action_page(self, pages: int) -> None:
        """Move by as many rows as are seen."""
        self._move_to(self.row + pages * self.page_rows, self.column)

    def action_jump(self, row: int | None, column: int | None) -> None:
        """Go to a row or column; -1 is the last one."""
        source = self.source
        if source:
            row = self.row if row is None else row % max(1, source.n_rows)
            column = self.column if column is None else column % max(1, source.n_columns)
            self._move_to(row, column)

    def action_choose(self) -> None:
        """Tell that the value under the cursor was chosen."""
        if self.source and self.source.n_rows and self.source.n_columns:
            self.post_message(self.Chosen(self.row, self.column))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is."""
        source = self.source
        if source is None:
            return
        row = self._top + event.y - self.n_heads
        at = self.key_width(source) + GAP
        for column, width in self._visible(source, self.size.width):
            if at <= event.x < at + width + GAP:
                self._move_to(row if row >= 0 else self.row, column)
            at += width + GAP

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move down, or with shift to the right."""
        event.stop()
        self.action_move(*((0, 1) if event.shift else (3, 0)))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move up, or with shift to the left."""
        event.stop()
        self.action_move(*((0, -1) if event.shift else (-3, 0)))
