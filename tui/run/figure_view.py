"""The figures that a run draws, as pictures in the terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from engine.errors import FactsError
from engine.facts.text import plain
from engine.tables.units import show_age
from tui.remembered import choices_of
from tui.run.figures import Figure, family_of, figures_of, name_of
from tui.terminal.figure_lines import kinds_of, lines_of
from tui.terminal.pictures import PictureView
from tui.terminal.pixels import Picture
from tui.watch import Watch, Watching
from tui.widgets.painted import Painted, fit, strip_of

if TYPE_CHECKING:
    from tui.look import Look

WAITING = "looking for figures …"
"""What is said before anything is known."""


class FigureView(Watching, Painted, can_focus=True):
    """One figure at a time; new ones, and newer ones, appear by themselves."""

    DEFAULT_CSS = """
    FigureView {
        background: $background;
        & .figure--title { text-style: bold; }
        & .figure--muted { color: $foreground 60%; }
        & .figure--chosen { color: $text-accent; text-style: bold; }
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "figure--title", "figure--muted", "figure--chosen",
    }  # fmt: skip

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space", "turn(1)", "Next", key_display="→"),
        Binding("left", "turn(-1)", "Previous", key_display="←"),
        Binding("plus,equals_sign", "zoom(1.5)", "Zoom in", key_display="+"),
        Binding("minus", "zoom(0.6666667)", "Zoom out", show=False),
        Binding("0", "reset", "Whole figure", show=False),
        Binding("h,shift+left", "pan(-0.2,0)", "Left", show=False),
        Binding("l,shift+right", "pan(0.2,0)", "Right", show=False),
        Binding("k,up", "pan(0,-0.2)", "Up", show=False),
        Binding("j,down", "pan(0,0.2)", "Down", show=False),
        Binding("b", "kind", "Drawn otherwise", show=False),
    ]

    class Listed(Message):
        """What the thread that looks found."""

        def __init__(self, path: str, figures: Sequence[Figure], problem: str) -> None:
            super().__init__()
            self.path, self.figures, self.problem = path, tuple(figures), problem

    class Drawn(Message):
        """A figure as lines of the screen, and the picture in them if it is made of pixels."""

        def __init__(
            self, asked: object, lines: Sequence[Strip], picture: Picture | None, problem: str
        ) -> None:
            super().__init__()
            self.asked, self.lines, self.picture, self.problem = asked, lines, picture, problem

    class Changed(Message):
        """The note about the figures has changed."""

    def __init__(self, path: str, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._graphics = look.graphics
        self.kinds = kinds_of(look)
        """How a figure may be drawn; the first of them is used until another is wanted."""
        self.figures: tuple[Figure, ...] = ()
        self.problem = self._damage = ""
        self.at = 0
        """The one that is seen."""
        self.view = PictureView()
        self._lines_drawn: Sequence[Strip] = ()
        self._picture: Picture | None = None
        self._asked: tuple[object, ...] = ()
        self.show_path(path)

    def on_mount(self) -> None:
        """Draw figures as they were drawn last."""
        kind = choices_of(self.app).text("figures.kind")
        at = self.kinds.index(kind) if kind in self.kinds else 0
        self.kinds = (*self.kinds[at:], *self.kinds[:at])

    def show_path(self, path: str) -> None:
        """Show the figures of another run."""
        on = self._watch is not None and self._watch.on
        self.stop()
        self.path, self.at, self.view = path, 0, PictureView()
        self.figures, self._lines_drawn, self._asked = (), (), ()
        self.problem, self._damage = WAITING, ""
        known: list[object] = []

        def see() -> tuple[bool, bool]:
            try:
                figures, problem = figures_of(path), ""
            except OSError as error:
                figures, problem = [], f"cannot look for figures: {error.strerror}"
            news = known != [(figures, problem)]
            if news:
                known[:] = [(figures, problem)]
                self.post_message(self.Listed(path, figures, problem))
            return news, False

        self._watch = Watch("figures", see, self.app.post_message, fastest=1.0, slowest=15.0)
        self.watch_files(on)

    @property
    def is_settled(self) -> bool:
        """Whether the figure is drawn, if there is one."""
        drawn = bool(self._lines_drawn or self._damage) if self.figures else True
        return self.problem != WAITING and drawn

    def on_figure_view_listed(self, message: Listed) -> None:
        """Take what was found; the figure that is seen stays."""
        message.stop()
        if message.path != self.path:
            return
        family = family_of(self.figures[self.at]) if self.at < len(self.figures) else ""
        self.figures, self.problem = message.figures, message.problem
        names = list(map(family_of, self.figures))
        self.at = names.index(family) if family in names else 0
        self.repaint()
        self.post_message(self.Changed())

    def paint(self, width: int, height: int) -> Sequence[Strip]:
        """The names, and the picture below."""
        muted = self.style_of("figure--muted")
        if not self.figures:
            told = self.problem or "no figures yet: they are drawn while it trains"
            return [strip_of((" " + told, muted))]
        room = height - 1 if height > 3 else height
        self._ask(width, room)
        lines = [self._names(width)] if room < height else []
        if self._damage:
            return [*lines, strip_of((" " + self._damage, muted))]
        return [*lines, *(self._centred(line, width) for line in self._lines_drawn[:room])]

    def _names(self, width: int) -> Strip:
        """The figures, the one that is seen set off, and how old that is."""
        muted, chosen = self.style_of("figure--muted"), self.style_of("figure--chosen")
        figure = self.figures[self.at]
        age = show_age(max(0.0, time.time() - figure.changed))
        zoom = f"zoom {self.view.zoom:.1f}  " if self.view.zoom > 1 else ""
        when = f"{zoom}{'just now' if age == 'now' else f'{age} ago'} "
        count = f"{self.at + 1}/{len(self.figures)}  "
        names = [name_of(one) for one in self.figures]
        names[self.at] = figure.title
        room = width - len(when) - 2
        if sum(cell_len(name) + 2 for name in names) > room:
            names = [f"{count}{figure.title}"]
        parts = [(" ", muted)]
        for name in names:
            seen = len(names) == 1 or name == figure.title
            shown = fit(name, min(cell_len(name), room - 2))
            parts += [(shown, chosen if seen else muted), ("  ", muted)]
        left = sum(cell_len(text) for text, _ in parts)
        return strip_of(*parts, (fit(when, max(0, width - left), right=True), muted))

    def _centred(self, line: Strip, width: int) -> Strip:
        margin = " " * ((width - line.cell_length) // 2)
        return Strip([Segment(margin, self.rich_style), *line])

    def _ask(self, width: int, height: int) -> None:
        """Have the picture made, if it is not the one that is there."""
        asked = (self.figures[self.at], width, height, self.kinds[0], self.view)
        if asked != self._asked:
            self._asked = asked
            self._make(*asked)

    @work(thread=True, exclusive=True, group="figure")
    def _make(self, figure: Figure, width: int, height: int, kind: str, view: PictureView) -> None:
        asked = (figure, width, height, kind, view)
        lines: Sequence[Strip] = ()
        picture, problem = None, ""
        try:
            lines, picture = lines_of(figure, width, height, kind, view, self._graphics)
        except FactsError as error:
            problem = plain(error.message)
        self.post_message(self.Drawn(asked, lines, picture, problem))

    def on_figure_view_drawn(self, message: Drawn) -> None:
        """Show a picture, if it is still the one that is wanted."""
        message.stop()
        if message.asked != self._asked:
            return
        before, self._picture = self._picture, message.picture
        if message.picture:
            self._send(message.picture.begin)
        self._lines_drawn, self._damage = message.lines, message.problem
        self.repaint()
        if before:
            self.call_after_refresh(self._send, before.end)

    def on_unmount(self) -> None:
        """Have the terminal forget the picture."""
        if self._picture:
            self._send(self._picture.end)

    def _send(self, pixels: str) -> None:
        """Send what belongs to no cell."""
        driver = self.app._driver
        if driver is not None and pixels:
            driver.write(pixels)

    def note(self) -> str:
        """What there is, in a few words."""
        return f"{len(self.figures)} figures" if len(self.figures) != 1 else "1 figure"

    def copied(self) -> tuple[str, str]:
        """The path of the figure, and what it is."""
        return (self.figures[self.at].path if self.figures else "", "the path")

    def action_turn(self, figures: int) -> None:
        """Show another figure."""
        if self.figures:
            self.at = (self.at + figures) % len(self.figures)
            self.view, self._lines_drawn, self._damage = PictureView(), (), ""
            self.repaint()

    def action_zoom(self, factor: float) -> None:
        """Show a part, larger."""
        self.view = self.view.zoomed(factor)
        self.repaint()

    def action_pan(self, x: float, y: float) -> None:
        """Show another part."""
        self.view = self.view.moved(x, y)
        self.repaint()

    def action_reset(self) -> None:
        """Show the whole figure."""
        self.view = PictureView()
        self.repaint()

    def action_kind(self) -> None:
        """Draw in another way: pixels, four in a character, or two, which more fonts know."""
        self.kinds = (*self.kinds[1:], self.kinds[0])
        choices_of(self.app).keep("figures.kind", self.kinds[0])
        self.repaint()
