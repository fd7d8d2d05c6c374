"""What a run is and how far it came, in a few lines."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from engine.facts.state import BADLY
from engine.facts.text import plain
from engine.facts.words import in_words
from engine.library.summary import RunSummary
from engine.tables.units import show_duration, show_number, show_size
from tui.look import Look
from tui.widgets.painted import Painted, fit, strip_of

Part = tuple[str, str]
"""A text and the name of its style."""

LOW = 12
"""In a screen of fewer lines the head has one;"""
MIDDLE = 20
"""in one of fewer two."""

STYLES = (
    "name", "text", "muted", "value", "tag", "running", "bad", "waiting", "over", "todo",
)  # fmt: skip


class RunHead(Painted):
    """State, name and origin, progress."""

    DEFAULT_CSS = """
    RunHead {
        height: 3;
        padding: 0 1;
        background: $panel;
        & .head--name { text-style: bold; }
        & .head--text { color: $foreground; }
        & .head--muted { color: $foreground 65%; }
        & .head--value { color: $text-accent; }
        & .head--tag { color: $text-secondary; }
        & .head--running { color: $text-success; text-style: bold; }
        & .head--bad { color: $text-error; text-style: bold; }
        & .head--waiting { color: $text-warning; text-style: bold; }
        & .head--over { color: $foreground; text-style: bold; }
        & .head--todo { color: $foreground 35%; }
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"head--{name}" for name in STYLES}

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look = look
        self._run: RunSummary | None = None
        self._told: Sequence[Part] = ()
        self._is_gone = False

    def show_run(self, run: RunSummary, screen_height: int, *, gone: bool = False) -> None:
        """Show a run in as many lines as the screen has room for.

        Parameters
        ----------
        gone
            Whether its directory is not there any more: what was known of it says nothing of now.
        """
        self._run, self._told, self._is_gone = run, (), gone
        lines = 1 if screen_height < LOW else 2 if screen_height < MIDDLE else 3
        if self.styles.height is None or self.styles.height.value != lines:
            self.styles.height = lines
        self.repaint()

    def show_text(self, text: str) -> None:
        """Show a text in place of a run."""
        self._run, self._told = None, [(text, "muted")]
        self.repaint()

    def paint(self, width: int, height: int) -> list[Strip]:
        """The lines."""
        run = self._run
        if run is None:
            return [self._packed(self._told, width)]
        if height == 1:
            return [self._packed([*self._state(run, False), *self._progress(run, 8)], width)]
        bar = min(40, max(8, width // 5))
        if height == 2:
            return [
                self._packed([*self._state(run, False), *_labels(run), *_origin(run)], width),
                self._packed(self._progress(run, bar), width),
            ]
        return [
            self._packed([*self._state(run), *_labels(run)], width, _right(run)),
            self._packed(_origin(run), width, _place(run)),
            self._packed(self._progress(run, bar), width),
        ]

    def _state(self, run: RunSummary, sentence: bool = True) -> list[Part]:
        """The state with its sign, the name, and the state in words."""
        if self._is_gone:
            gone = [(f"{self._look.state('failed')} gone", "bad"), (plain(run.name), "name")]
            return [*gone, ("its directory is not there any more", "muted")] if sentence else gone
        state = run.state or "broken"
        style = _STATE_STYLES.get(state, "over")
        parts = [(f"{self._look.state(run.state)} {state}", style), (plain(run.name), "name")]
        # What went wrong is told by an alert below, and how far it came by the bar.
        if not sentence or run.state in (*BADLY, "held", "finished"):
            return parts
        told = plain(run.sentence if run.state else run.problem or "its state cannot be told")
        told = told.removeprefix(state).strip(" :")
        return [*parts, (told, "muted")] if told else parts

    def _progress(self, run: RunSummary, bar: int) -> list[Part]:
        """A bar, and the numbers beside it."""
        parts = [] if not run.epochs else [(self._bar(run, bar), "bar")]
        if run.epochs or run.epochs_done:
            of = f"/{run.epochs}" if run.epochs else ""
            parts.append((f"{run.epochs_done}{of} epochs", "text"))
        if run.eta_s is not None and not self._is_gone:
            parts.append((f"{show_duration(run.eta_s)} left", "value"))
        elif run.duration_s is not None:
            parts.append((f"took {show_duration(run.duration_s)}", "text"))
        loss = run.numbers.get("val_loss")
        if loss is not None:
            where = f" in epoch {loss.best_epoch}" if loss.best_epoch is not None else ""
            parts.append((f"best val_loss {show_number(loss.best)}{where}", "value"))
        if run.throughput is not None:
            parts.append((f"{run.throughput:,.0f} events/s", "muted"))
        if run.epoch_time_s is not None:
            parts.append((f"{show_duration(run.epoch_time_s)} an epoch", "muted"))
        if run.max_memory_mib is not None:
            parts.append((show_size(run.max_memory_mib * 2**20), "muted"))
        if run.step is not None:
            parts.append((f"step {run.step:,}", "muted"))
        if run.started is not None and run.state in ("queued", "held"):
            waits = in_words(max(0.0, time.time() - run.started))
            parts.append((f"waiting for {waits}", "text"))
        return parts

    def _bar(self, run: RunSummary, width: int) -> str:
        done = min(width, width * run.epochs_done // max(1, run.epochs or 1))
        return self._look.full * done + self._look.empty * (width - done)

    def _packed(self, parts: Iterable[Part], width: int, right: Sequence[Part] = ()) -> Strip:
        """As many parts as there is room for, two blanks between them; the last one is cut."""
        side = list(right)
        while side and sum(cell_len(text) + 2 for text, _ in side) > width // 2:
            side.pop()
        room = width - sum(cell_len(text) + 2 for text, _ in side)
        placed: list[tuple[str, Style]] = []
        for text, style in parts:
            gap = "  " if placed else ""
            if room - len(gap) < min(cell_len(text), 10):
                break
            shown = fit(text, min(cell_len(text), room - len(gap)), more=self._look.more)
            room -= len(gap) + cell_len(shown)
            placed += [(gap, Style()), *self._styled(shown, style)]
        placed.append((" " * room, Style()))
        for text, style in side:
            placed += [("  ", Style()), *self._styled(text, style)]
        return strip_of(*placed)

    def _styled(self, text: str, style: str) -> list[tuple[str, Style]]:
        if style != "bar":
            return [(text, self.style_of(f"head--{style}"))]
        done = len(text) - len(text.lstrip(self._look.full))
        named = ((text[:done], "head--running"), (text[done:], "head--todo"))
        return [(part, self.style_of(name)) for part, name in named]


_STATE_STYLES = {
    "running": "running", "failed": "bad", "lost": "bad", "broken": "bad",
    "held": "waiting", "queued": "waiting", "finished": "over", "stopped": "over",
}  # fmt: skip


def _labels(run: RunSummary) -> list[Part]:
    tags = " ".join(f"#{plain(tag)}" for tag in run.tags)
    note = plain(run.note).strip()
    parts = [(tags, "tag")] if tags else []
    return [*parts, (note, "text")] if note else parts


def _right(run: RunSummary) -> list[Part]:
    """What stands at the right of the first line."""
    parts = [("archived", "muted")] if run.archived else []
    if run.attempts > 1:
        again = run.attempts - 1
        parts.append((f"{again} restart" + ("s" if again > 1 else ""), "waiting"))
    return parts


def _origin(run: RunSummary) -> list[Part]:
    """What is trained, and how."""
    components = [part for part in (run.encoder, run.latent_space, run.decoder) if part]
    parts = [(plain(run.loop), "text")] if run.loop else []
    if components:
        parts.append((" > ".join(map(plain, components)), "text"))
    rate = run.config.get("phase1.trainer.lr")
    if isinstance(rate, int | float) and not isinstance(rate, bool):
        parts.append((f"lr {show_number(rate)}", "text"))
    if run.seed is not None:
        parts.append((f"seed {run.seed}", "text"))
    if run.n_parameters is not None:
        parts.append((f"{run.n_parameters:,} parameters", "muted"))
    if run.sweep:
        parts.append((f"sweep {plain(run.sweep)}", "muted"))
    if run.parent:
        parts.append((f"from {plain(run.parent)}", "muted"))
    return parts


def _place(run: RunSummary) -> list[Part]:
    """Where it trains."""
    parts = [(plain(run.host), "muted")] if run.host else []
    return [*parts, (f"job {plain(run.job_id)}", "muted")] if run.job_id else parts
