"""Sends only the cells of a refreshed region, and only what changes of their colours.

Textual's own update of a region begins at the left edge of the widget, however far to the right the
region lies, and names both colours of each piece anew. For a curve that grows at its right end that
is ten times the bytes, which counts over a slow line.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate
from textual.screen import Screen

from tui.terminal.pixels import is_picture, sent_for

_RESET = "\x1b[0m"
_BLANK = " " * 12  # so many cost more to send than to erase
_BLANKS = re.compile(f"{_BLANK} *")
_WITHOUT_COLOUR = ("screen", "linux", "vt", "ansi", "dumb")
_TEXT = "\0"
_ALIKE = ("±…·–—−×•→←↑↓│┃─━┌┐└┘├┤▌▐▎▊", "~~.---x*><^v||--++++++||||")  # noqa: RUF001
_BLOCKS = "▁▂▃▄▅▆▇█▉▋▍▏▔▕▀"  # the ends of a scrollbar, of which the colour tells the rest
_ASCII = dict(zip(*_ALIKE, strict=True)) | dict.fromkeys(_BLOCKS, " ")


class SparingCompositor(Compositor):
    """Puts widgets together as Textual does, and sends less of them.

    Parameters
    ----------
    ascii
        Whether nothing but ASCII is sent, whatever a widget or a file holds.
    """

    def __init__(self, *, ascii: bool = False) -> None:
        super().__init__()
        self._ascii = ascii

    def render_partial_update(self) -> ChopsUpdate | None:
        """The regions that are to be sent; None if there are none."""
        update = super().render_partial_update()
        if update is None:
            return None
        return SparingUpdate(update.chops, update.spans, update.chop_ends, self._ascii)

    def render_full_update(self, simplify: bool = False) -> LayoutUpdate:
        """The whole screen."""
        update = super().render_full_update(simplify)
        return SparingLayout(update.strips, update.region, self._ascii)


AnyScreen = TypeVar("AnyScreen", bound=Screen[Any])


def sent_sparingly(screen: AnyScreen, *, ascii: bool = False) -> AnyScreen:
    """The same screen, put together by a `SparingCompositor`."""
    if not isinstance(screen._compositor, SparingCompositor):
        screen._compositor = SparingCompositor(ascii=ascii)
    return screen


class SparingUpdate(ChopsUpdate):
    """An update of regions, each sent from its first to its last cell."""

    def __init__(self, chops: Any, spans: Any, chop_ends: Any, ascii: bool = False) -> None:
        super().__init__(chops, spans, chop_ends)
        self._ascii = ascii

    def render_segments(self, console: Console) -> str:
        """What is sent to the terminal."""
        pen = _Pen(console._color_system or ColorSystem.TRUECOLOR, self._ascii)
        for y, first, last in self.spans:
            at = -1
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= last or end <= first:
                    continue
                start = max(x, first)
                if start != at:
                    pen.parts.append(f"\x1b[{y + 1};{start + 1}H")
                at = min(end, last)
                for segment in strip.crop(start - x, at - x):
                    pen.write(segment)
        return "".join([*pen.parts, _RESET])


class SparingLayout(LayoutUpdate):
    """An update of the whole screen."""

    def __init__(self, strips: Any, region: Any, ascii: bool = False) -> None:
        super().__init__(strips, region)
        self._ascii = ascii

    def render_segments(self, console: Console) -> str:
        """What is sent to the terminal."""
        pen = _Pen(console._color_system or ColorSystem.TRUECOLOR, self._ascii)
        for y, line in enumerate(self.strips, self.region.y):
            pen.parts.append(f"\x1b[{y + 1};{self.region.x + 1}H")
            for strip in line:
                for segment in strip:
                    pen.write(segment)
        return "".join([*pen.parts, _RESET])


class _Codes(NamedTuple):
    """What switches a style on."""

    colour: str
    ground: str
    others: str
    """Bold and the like, which can only be switched off all together."""


class _Pen:
    """Writes pieces of text, and knows the colours of the one before."""

    def __init__(self, system: ColorSystem, ascii: bool) -> None:
        self._ascii = ascii
        self.parts: list[str] = []
        self._system = system
        self._erases = erases_in_colour(os.environ.get("TERM", ""))
        self._present: _Codes | None = None

    def write(self, segment: Segment) -> None:
        """Write a piece of text."""
        text, style, _ = segment
        if is_picture(text):
            pixels = sent_for(segment)
            if pixels:
                self.parts += [_RESET, pixels]
                self._present = None
                return
            text = " " * len(text)
        if self._ascii and not text.isascii():
            text = in_ascii(text)
        if style is not None and style.link:  # it has an end of its own
            self.parts += [_RESET, style.render(text, color_system=self._system)]
            self._present = None
            return
        codes, present = _codes(style or Style.null(), self._system), self._present
        changes = [code for code in codes if code]
        if present is not None and present.others == codes.others and _covers(codes, present):
            pairs = zip(codes, present, strict=True)
            changes = [code for code, before in pairs if code and code != before]
        else:
            changes = ["0", *changes]
        if changes:
            self.parts.append(f"\x1b[{';'.join(changes)}m")
        self._present = codes
        if self._erases and not codes.others and _BLANK in text:
            text = _BLANKS.sub(_erased, text)
        self.parts.append(text)


def in_ascii(text: str) -> str:
    """A text of as many cells in which each other sign is one that looks like it, or a `?`."""
    return "".join(c if c.isascii() else _ASCII.get(c, "?" * cell_len(c)) for c in text)


def erases_in_colour(term: str) -> bool:
    """Whether a terminal erases in the present colour, as all but a few old ones do."""
    return not term.startswith(_WITHOUT_COLOUR)


def _erased(blanks: re.Match[str]) -> str:
    """What erases cells, and goes on behind them."""
    return f"\x1b[{len(blanks[0])}X\x1b[{len(blanks[0])}C"


def _covers(codes: _Codes, present: _Codes) -> bool:
    """Whether each colour that was on gets a new one."""
    return bool(codes.colour or not present.colour) and bool(codes.ground or not present.ground)


@lru_cache(4096)
def _codes(style: Style, system: ColorSystem) -> _Codes:
    """The codes of a style."""
    colour, ground = style.color, style.bgcolor
    bare = Style(color=colour, bgcolor=ground)
    others = style.render(_TEXT, color_system=system).partition(f"m{_TEXT}")[0]
    colours = bare.render(_TEXT, color_system=system).partition(f"m{_TEXT}")[0]
    return _Codes(
        ";".join(colour.downgrade(system).get_ansi_codes()) if colour else "",
        ";".join(ground.downgrade(system).get_ansi_codes(foreground=False)) if ground else "",
        others.removeprefix("\x1b[").removesuffix(colours.removeprefix("\x1b[")).strip(";"),
    )
