"""How things look: signs, colours of states, and a colour for each run."""

from __future__ import annotations

import string
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tui.terminal.graphics import NO_GRAPHICS, Graphics

BARS = "▁▂▃▄▅▆▇█"

SIGNS = "●■▲◆▼★✚✖" + string.ascii_letters
"""Tell runs of one colour apart, and all of them where there are no colours."""
ASCII_SIGNS = "".join(dict.fromkeys("ox+*#@%&" + string.ascii_letters))


@dataclass(frozen=True)
class Look:
    """The signs of a terminal, and whether it has colours, may move and draws pixels."""

    ascii: bool = False
    colour: bool = True
    moving: bool = True
    """False over SSH: nothing is animated."""
    graphics: Graphics = NO_GRAPHICS
    """How it draws pixels."""

    @property
    def bars(self) -> str:
        """Signs of growing height."""
        return "_.-=+*#@" if self.ascii else BARS

    @property
    def signs(self) -> str:
        """Signs of curves, one after the other."""
        return ASCII_SIGNS if self.ascii else SIGNS

    @property
    def full(self) -> str:
        """A filled part of a progress bar."""
        return "#" if self.ascii else "━"

    @property
    def empty(self) -> str:
        """A part of a progress bar that is still to come."""
        return "." if self.ascii else "─"

    @property
    def mark(self) -> str:
        """Before a run that is marked."""
        return "*" if self.ascii else "●"

    @property
    def pin(self) -> str:
        """Before a run that stays on top."""
        return "^" if self.ascii else "▲"

    @property
    def open(self) -> str:
        """Before a group that shows its runs."""
        return "v" if self.ascii else "▾"

    @property
    def closed(self) -> str:
        """Before a group that hides its runs."""
        return ">" if self.ascii else "▸"

    @property
    def more(self) -> str:
        """At the end of a text that is cut."""
        return "~" if self.ascii else "…"

    @property
    def rule(self) -> str:
        """Between two parts of a line."""
        return "|" if self.ascii else "│"

    def state(self, state: str | None) -> str:
        """The sign of a state."""
        return (_ASCII_STATES if self.ascii else _STATES).get(state or "", "?")


_STATES = {
    "running": "▶", "finished": "✓", "stopped": "■", "failed": "✗", "lost": "?",
    "queued": "…", "held": "‖",
}  # fmt: skip
_ASCII_STATES = {
    "running": ">", "finished": "+", "stopped": "-", "failed": "x", "lost": "?",
    "queued": ".", "held": "=",
}  # fmt: skip

STATE_COLOURS: Mapping[str, str] = {
    "running": "$success", "finished": "$text-muted", "stopped": "$text-muted",
    "failed": "$error", "lost": "$error", "queued": "$text-primary", "held": "$warning",
}  # fmt: skip
"""Theme colours of the states; what needs a look is the loudest."""

PALETTE = (
    "#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#F0E442", "#8C8CFF", "#B0B0B0",
)  # fmt: skip
"""Eight colours that the colour-blind tell apart (Okabe and Ito, 2008), and that stand out on
dark ground; the seventh is their blue made lighter, the last a grey for their black."""

LIGHT_PALETTE = (
    "#0072B2", "#B37400", "#00795A", "#A6507F", "#B34A00", "#8A7B00", "#4B4BC3", "#404040",
)  # fmt: skip
"""The same eight for light ground."""


class Colours:
    """A colour number for each run, which it keeps as long as it is looked at.

    A run starts at the number that its path gives, so that it mostly has the same one from day to
    day, and takes the next free one where another run has that.
    """

    def __init__(self, known: Mapping[str, int] | None = None) -> None:
        self.numbers: dict[str, int] = dict(known or {})

    def choose(self, paths: Iterable[str]) -> dict[str, int]:
        """The number of each run; those that are no longer shown give theirs back."""
        shown = list(dict.fromkeys(paths))
        self.numbers = {path: n for path, n in self.numbers.items() if path in set(shown)}
        for path in shown:
            if path not in self.numbers:
                self.numbers[path] = self._free(zlib.crc32(path.encode("utf-8", "replace")))
        return dict(self.numbers)

    def _free(self, wanted: int) -> int:
        used = [self._n_used(n) for n in range(len(PALETTE))]
        fewest = min(used)
        order = [(wanted + i) % len(PALETTE) for i in range(len(PALETTE))]
        return next(n for n in order if used[n] == fewest)

    def _n_used(self, number: int) -> int:
        return sum(1 for n in self.numbers.values() if n == number)
