"""A list of lines of which only those that are seen are made, with a cursor and a search."""

from __future__ import annotations

import asyncio
import re
import time
from functools import lru_cache
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.look import Look

STYLES = ("cursor", "muted", "key", "title", "value", "loud", "good", "bad", "hit")
"""Names of the styles of lines."""

SLICE_S = 0.01
"""How long hits are counted before a key gets its turn."""


class Listing(ScrollView, can_focus=True):
    """Lines that a subclass makes one by one: it overrides `line`, and calls `show_lines`."""

    DEFAULT_CSS = """
    Listing {
        scrollbar-size: 1 1;
        overflow-x: hidden;
        overflow-y: auto;
        background: $background;
        & .listing--cursor { background: $boost; }
        &:focus .listing--cursor { background: $primary 40%; }
        & .listing--muted { color: $foreground 60%; }
        & .listing--key { color: $foreground; }
        & .listing--title { text-style: bold; }
        & .listing--value { color: $text-accent; }
        & .listing--loud { color: $text-warning; text-style: bold; }
        & .listing--good { color: $text-success; text-style: bold; }
        & .listing--bad { color: $text-error; }
        & .listing--hit { background: $warning; color: $background; }
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"listing--{name}" for name in STYLES}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f,space", "page(1)", "Page down", show=False),
        Binding("home,g", "top", "Top", show=False),
        Binding("end,G", "bottom", "Bottom", show=False),
        Binding("left", "sideways(-8)", "Left", show=False),
        Binding("right", "sideways(8)", "Right", show=False),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("n", "next_hit(1)", "Next hit", show=False),
        Binding("N", "next_hit(-1)", "Previous hit", show=False),
    ]

    HAS_CURSOR: ClassVar[bool] = True
    """Whether the cursor is marked, and the keys move it; else they move the lines."""
    SEARCH_HINT: ClassVar[str] = "search"

    class SearchAsked(Message):
        """Somebody wants to type what to look for."""

        def __init__(self, listing: Listing) -> None:
            super().__init__()
            self.listing = listing

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.searched = ""
        """What is looked for; empty for nothing."""
        self.cursor = 0
        """The line that was last gone to, also where it is not marked."""
        self._count = 0

    # What a subclass tells.

    def line(self, number: int) -> Text:
        """One of the lines."""
        raise NotImplementedError

    def found(self, number: int) -> bool:
        """Whether a line holds what is looked for."""
        return bool(pattern_of(self.searched).search(self.line(number).plain))

    def search(self, text: str) -> None:
        """Look for a text; for nothing with an empty one."""
        self.searched = text
        self.refresh()
        here = min(self.cursor, self._count - 1)
        if text and self._count and self.found(here):
            self.go_to(here)
        elif text:
            self.action_next_hit(1)

    async def search_note(self) -> str:
        """How the search went, in a word or two; other things go on while it is counted."""
        if not self.searched:
            return ""
        number, hits, paused = 0, 0, time.monotonic()
        while number < self._count:  # which may change in a pause
            hits += self.found(number)
            number += 1
            if time.monotonic() - paused > SLICE_S:
                await asyncio.sleep(0)
                paused = time.monotonic()
        return f"{hits:,} lines" if hits != 1 else "1 line"

    # What it draws.

    def style_of(self, name: str) -> Style:
        """A style of this list: `muted`, `key`, `title`, `value`, `loud`, `good`, `bad`, `hit`."""
        own = self.get_component_rich_style(f"listing--{name}", partial=True)
        if name == "hit":
            return own
        # Of a colour that lets the ground through the partial style has the full one.
        return own + Style(color=self.get_component_rich_style(f"listing--{name}").color)

    def show_lines(self, count: int, *, redraw: bool = True) -> None:
        """There are so many lines now."""
        self._count = count
        self.cursor = max(0, min(self.cursor, count - 1))
        size = Size(max(self.size.width, 1), count)
        if size != self.virtual_size:
            self.virtual_size = size
        if redraw:
            self.refresh()

    def redraw_line(self, number: int, first: int = 0, last: int | None = None) -> None:
        """Draw one line anew, or its cells from the first to the last one, if it is seen."""
        y, width = number - self.scroll_offset.y, self.size.width
        end = width if last is None or self._sideways else min(width, last + 1)
        first = 0 if self._sideways else first
        if 0 <= y < self.size.height and first < end:
            self.refresh(Region(first, y, end - first, 1))

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        number = y + self.scroll_offset.y
        width, style = self.size.width, self.rich_style
        if not 0 <= number < self._count:
            return Strip.blank(width, style)
        text = self.line(number)
        text.stylize_before(text.style)  # which is left out where no part has a style
        if self.searched:
            text.highlight_regex(pattern_of(self.searched), self.style_of("hit"))
        if self.HAS_CURSOR and number == self.cursor:
            marked = self.get_component_rich_style("listing--cursor", partial=False)
            style = style + Style(bgcolor=marked.bgcolor)
        strip = Strip(text.render(self.app.console)).apply_style(style)
        seen = min(width, self.scrollable_content_region.width)
        end = self._sideways + seen
        if strip.cell_length <= end or seen < 2:
            return strip.crop_extend(self._sideways, self._sideways + width, style)
        more = Strip([Segment(self._more + " " * (width - seen), style + self.style_of("muted"))])
        return Strip.join([strip.crop_extend(self._sideways, end - 1, style), more])

    _sideways = 0

    @property
    def _more(self) -> str:
        """At the edge, where a line goes on."""
        look: Look = getattr(self.app, "look", Look())
        return look.more

    def on_resize(self, event: Resize) -> None:
        """Fit the width."""
        self.show_lines(self._count)

    def on_click(self, event: Click) -> None:
        """Put the cursor on a line."""
        number = event.y + self.scroll_offset.y
        if self.HAS_CURSOR and number < self._count:
            self.go_to(number)

    # How it moves.

    def go_to(self, number: int) -> None:
        """Put the cursor on a line, and show it."""
        number = max(0, min(number, self._count - 1))
        if self._count == 0:
            return
        before, self.cursor = self.cursor, number
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if not top <= number < top + height:
            far = abs(number - top) > 2 * height
            place = number - height // 2 if far else number if number < top else number - height + 1
            self.scroll_to(y=place, animate=False, immediate=True, force=True)
        if self.HAS_CURSOR:
            self.redraw_line(before)
            self.redraw_line(number)

    def action_move(self, lines: int) -> None:
        """Go up or down."""
        if self.HAS_CURSOR:
            self.go_to(self.cursor + lines)
        else:
            self.scroll_to(
                y=self.scroll_offset.y + lines, animate=False, immediate=True, force=True
            )

    def action_page(self, pages: int) -> None:
        """Go a page up or down."""
        self.action_move(pages * max(1, self.size.height - 1))

    def action_top(self) -> None:
        """Go to the first line."""
        self.action_move(-self._count)

    def action_bottom(self) -> None:
        """Go to the last line."""
        self.action_move(self._count)

    def action_sideways(self, cells: int) -> None:
        """Show what stands further to the right, or to the left."""
        wanted = max(0, self._sideways + cells)
        if wanted != self._sideways:
            self._sideways = wanted
            self.refresh()

    def action_search(self) -> None:
        """Ask for what to look for."""
        self.post_message(self.SearchAsked(self))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The next hit is there while something is looked for."""
        return bool(self.searched) if action == "next_hit" else True

    def action_next_hit(self, way: int) -> None:
        """Go to the next line with what is looked for, or the one before; round the end."""
        for far in range(1, self._count + 1):
            number = (self.cursor + way * far) % self._count
            if self.found(number):
                self.go_to(number)
                return


@lru_cache(maxsize=8)
def pattern_of(text: str) -> re.Pattern[str]:
    """What finds a text in upper or lower case, with as many blanks between its words as it has."""
    return re.compile(r"\s+".join(map(re.escape, text.split())), re.IGNORECASE)
