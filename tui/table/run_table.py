"""The table of runs, drawn line by line: only what is on the screen is measured and formatted."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.look import STATE_COLOURS, Look
from tui.table.keys import Values
from tui.table.layout import ColumnWidths
from tui.table.row_cells import CellScene, common_beginning
from tui.table.rows import Arranged
from tui.table.run_lines import PREFIX, STYLES, Painter, RowLine
from tui.table.tree import Row

_STATE_CSS = "\n".join(
    f"    & > .{PREFIX}{state} {{ color: {colour}; }}" for state, colour in STATE_COLOURS.items()
)


class RunTable(ScrollView, can_focus=True):
    """Rows of runs and groups below a line of titles.

    Parameters
    ----------
    look
        The signs.
    values
        The course of a run's `val_loss`, by its path.
    """

    HELP_TITLE = "the table"
    DEFAULT_CSS = f"""
    RunTable {{
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        scrollbar-background: $surface;
        scrollbar-background-hover: $surface;
        scrollbar-background-active: $surface;
        scrollbar-color: $foreground 20%;
        scrollbar-color-hover: $foreground 40%;
        scrollbar-color-active: $foreground 40%;
        background: $surface;
        color: $foreground;
    & > .{PREFIX}head {{ color: $text-muted; background: $panel; }}
    & > .{PREFIX}sorted {{ color: $foreground; background: $panel; text-style: bold; }}
    & > .{PREFIX}cursor {{ background: $primary 20%; }}
    &:focus > .{PREFIX}cursor {{ background: $primary 35%; }}
    & > .{PREFIX}muted {{ color: $foreground 60%; }}
    & > .{PREFIX}empty {{ color: $foreground 25%; }}
    & > .{PREFIX}best {{ color: $text-success; text-style: bold; }}
    & > .{PREFIX}tag {{ color: $text-accent; }}
    & > .{PREFIX}curve {{ color: $foreground 45%; }}
    & > .{PREFIX}growing {{ color: $text-success; }}
    & > .{PREFIX}group {{ text-style: bold; }}
    & > .{PREFIX}pin {{ color: $text-warning; }}
    & > .{PREFIX}broken {{ color: $error; }}
{_STATE_CSS}
    }}
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"{PREFIX}{name}" for name in STYLES}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open"),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "A page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "A page down", show=False),
        Binding("home", "edge(0)", "First row", show=False),
        Binding("end,G", "edge(-1)", "Last row", show=False),
        Binding("right", "turn(True)", "Open the group", show=False),
        Binding("left", "turn(False)", "Close the group, or go to its head", show=False),
    ]

    class Moved(Message):
        """Another row is under the cursor, or other rows are on the screen."""

    class Opened(Message):
        """Enter, or a second click on a row."""

    class Turned(Message):
        """The group with this id is to be opened or closed."""

        def __init__(self, id: str) -> None:
            super().__init__()
            self.id = id

    class TitleClicked(Message):
        """The title of a column was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, look: Look, values: Values) -> None:
        super().__init__()
        self.arranged = Arranged()
        self.cursor = 0
        self.marks: Mapping[str, str] = {}
        """Paths of the marked runs, each with its colour."""
        self.hidden: Collection[str] = ()
        """Paths of the runs that are hidden, where they are shown all the same."""
        self.sort: tuple[str, ...] = ()
        self._scene = CellScene(look, time.time(), values)
        self._layout = ColumnWidths()
        self._painter = Painter(look, self._component)
        self._drawn: dict[int, tuple[RowLine, Strip]] = {}

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        rows = self.arranged.rows
        return rows[self.cursor] if self.cursor < len(rows) else None

    @property
    def visible_rows(self) -> tuple[Row, ...]:
        """The rows on the screen."""
        top = self.scroll_offset.y
        return self.arranged.rows[top : top + max(0, self.size.height - 1)]

    def show(self, arranged: Arranged, sort: tuple[str, ...]) -> None:
        """Take new rows; the cursor stays on its row, and the screen where it is."""
        top, place = self.scroll_offset.y, self.cursor
        self.cursor = self._new_place(arranged)
        self.arranged, self.sort = arranged, sort
        names = [row.run.name for row in arranged.rows if row.kind == "run"]
        self._scene = replace(self._scene, n_gone=common_beginning(names), best=arranged.best)
        self.virtual_size = Size(self._room, len(arranged.rows) + 1)
        if top:
            self._scroll(top + self.cursor - place)
        self._keep_in_sight()
        self._layout.measure(arranged, self.visible_rows, self._scene)
        self._lay_out()
        self.update_lines()

    def update_lines(self) -> None:
        """Draw again what changed on the screen: of a line as few cells as that takes."""
        self._scene = replace(self._scene, now=time.time(), stale=self.arranged.stale)
        if self._layout.measure(self.arranged, self.visible_rows, self._scene):
            self._lay_out()
        regions: list[Region] = []
        for y, (before, _) in list(self._drawn.items()):
            now = self._line(y)
            if now != before:
                regions += self._painter.changes(y, before, now, self.size.width)
                self._drawn[y] = (now, self._painter.strip(now, self.size.width))
        if regions:
            self.refresh(*regions)

    def colour_of(self, name: str) -> str:
        """The colour of a style, or `bold`, for texts beside the table."""
        return self._painter.colour_of(name)

    def go_to(self, place: int) -> None:
        """Put the cursor on a row."""
        place = max(0, min(place, len(self.arranged.rows) - 1))
        if place != self.cursor:
            self.cursor = place
            self._keep_in_sight()
            self.update_lines()
            self.post_message(self.Moved())

    def render_line(self, y: int) -> Strip:
        """One line of the screen: the titles, or a row."""
        if y not in self._drawn:
            line = self._line(y)
            self._drawn[y] = (line, self._painter.strip(line, self.size.width))
        return self._drawn[y][1]

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Show other rows."""
        self._drawn.clear()
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            if self._layout.measure(self.arranged, self.visible_rows, self._scene):
                self._lay_out()
            self.post_message(self.Moved())

    def on_resize(self) -> None:
        """Choose the columns for the new width."""
        self.virtual_size = Size(self._room, len(self.arranged.rows) + 1)
        self._drawn.clear()
        self._layout.measure(self.arranged, self.visible_rows, self._scene)
        self._lay_out()
        self._keep_in_sight()
        self.post_message(self.Moved())

    def notify_style_update(self) -> None:
        """Draw in the colours of another theme."""
        super().notify_style_update()
        self._painter.forget()
        self._drawn.clear()

    def action_move(self, by: int) -> None:
        """Some rows up or down."""
        self.go_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        """A screen up or down."""
        self.go_to(self.cursor + by * max(1, self.size.height - 2))

    def action_edge(self, place: int) -> None:
        """To the first or the last row."""
        self.go_to(place if place >= 0 else len(self.arranged.rows) - 1)

    def action_open(self) -> None:
        """Open the run, or turn the group."""
        if self.row is not None:
            self.post_message(self.Opened())

    def action_turn(self, is_open: bool) -> None:
        """Open or close the group under the cursor; from a run, go to the head of its group."""
        row = self.row
        if row is None:
            return
        if row.kind != "run" and row.is_open != is_open:
            self.post_message(self.Turned(row.id))
        elif not is_open and row.depth:
            above = range(self.cursor - 1, -1, -1)
            self.go_to(next(n for n in above if self.arranged.rows[n].depth < row.depth))

    def on_click(self, event: events.Click) -> None:
        """Go to a row, open it with a second click, or sort by a title."""
        y = round(event.y)
        if y == 0:
            name = next(
                (c.name for c in self._painter.columns if c.left <= event.x < c.left + c.width), ""
            )
            if name:
                self.post_message(self.TitleClicked(name))
            return
        place = self.scroll_offset.y + y - 1
        if place >= len(self.arranged.rows):
            return
        if event.chain > 1 and place == self.cursor:
            self.action_open()
        self.go_to(place)

    @property
    def _room(self) -> int:
        return max(1, self.scrollable_content_region.width - 1)

    def _new_place(self, arranged: Arranged) -> int:
        """Where the row under the cursor stands now; where it stood if it is gone."""
        row = self.row
        last = max(0, len(arranged.rows) - 1)
        if row is None or not arranged.rows:
            return min(self.cursor, last)
        if self.cursor <= last and arranged.rows[self.cursor].id == row.id:
            return self.cursor
        places = (n for n, one in enumerate(arranged.rows) if one.id == row.id)
        return next(places, min(self.cursor, last))

    def _keep_in_sight(self) -> None:
        top, height = self.scroll_offset.y, max(1, self.size.height - 1)
        if self.cursor < top:
            self._scroll(self.cursor)
        elif self.cursor >= top + height:
            self._scroll(self.cursor - height + 1)

    def _scroll(self, top: int) -> None:
        self.scroll_to(y=max(0, top), animate=False, force=True)

    def _lay_out(self) -> None:
        """Choose the columns; everything is drawn again only if they are others."""
        if not self.size.width:  # hidden: there are none until its place is known
            self._painter.columns = []
            self._drawn.clear()
            return
        painter, room = self._painter, self._room
        columns = self._layout.columns(self.arranged, self.sort, room, self._scene.look)
        if columns != painter.columns or room != painter.room:
            painter.columns, painter.room = columns, room
            self._drawn.clear()
            self.refresh()

    def _line(self, y: int) -> RowLine:
        if y == 0:
            return self._painter.titles(self.sort)
        place = self.scroll_offset.y + y - 1
        if place >= len(self.arranged.rows):
            return RowLine("", "", (), ())
        row = self.arranged.rows[place]
        is_away = row.kind == "run" and (row.run.archived or row.run.path in self.hidden)
        base = "cursor" if place == self.cursor else "muted" if is_away else ""
        return self._painter.line(row, self.arranged.keys, self._scene, self.marks, base)

    def _component(self, name: str) -> Style:
        return self.get_component_rich_style(PREFIX + name) if name else self.rich_style
