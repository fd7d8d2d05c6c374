"""The config of a run as a tree of settings, which is searched while one types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message

from engine.errors import FactsError
from engine.facts.text import plain
from engine.library.summary import RunSummary
from engine.tables.cells import as_text
from tui.run.saved_config import saved_config
from tui.widgets.listing import Listing


@dataclass(frozen=True)
class Entry:
    """A line of the tree: a setting, or a group of them."""

    path: str
    depth: int
    value: str = ""
    is_group: bool = False
    typed: bool = False
    """Whether it was given on the command line."""

    @property
    def key(self) -> str:
        """The last part of its path."""
        return self.path.rsplit(".", 1)[-1]


def entries_of(config: Mapping[str, Any], overrides: Sequence[str]) -> Iterator[Entry]:
    """The lines of a flat config: groups above their settings, in the order of the config."""
    typed = list(map(_typed_key, overrides))
    above: list[str] = []
    for path, value in _in_groups(config):
        *groups, _ = path.split(".")
        shared = next(
            (n for n, (a, b) in enumerate(zip(above, groups, strict=False)) if a != b),
            min(len(above), len(groups)),
        )
        for depth in range(shared, len(groups)):
            group = ".".join(groups[: depth + 1])
            yield Entry(group, depth, is_group=True, typed=group in typed)
        above = groups
        yield Entry(path, len(groups), plain(as_text(value)), typed=path in typed)


def _in_groups(config: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The settings, those of one group together, single ones of a level before its groups."""
    order: dict[str, int] = {}
    for path in config:
        parts = path.split(".")
        for n in range(1, len(parts) + 1):
            order.setdefault(".".join(parts[:n]), len(order))

    def place(path: str) -> list[tuple[bool, int]]:
        parts = path.split(".")
        ends = range(1, len(parts) + 1)
        return [(n < len(parts), order[".".join(parts[:n])]) for n in ends]

    return sorted(config.items(), key=lambda item: place(item[0]))


def _typed_key(override: str) -> str:
    """The key that an override sets, with dots: `phase1/latent_space=vq` chooses a group."""
    return override.lstrip("+~").split("=", 1)[0].split("@", 1)[0].replace("/", ".")


class ConfigView(Listing):
    """Keys and values; what the command line gave stands out."""

    SEARCH_HINT = "key or value"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "sideways(8)", "More", key_display="→", tooltip="Rest of the line"),
    ]

    class Read(Message):
        """The config that lies in a run directory."""

        def __init__(self, run: RunSummary, config: Mapping[str, Any], problem: str) -> None:
            super().__init__()
            self.run, self.config, self.problem = run, config, problem

    class Changed(Message):
        """The note about the config has changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._known: tuple[Mapping[str, Any], Sequence[str]] = ({}, ())
        self._entries: list[Entry] = []
        self._shown: list[Entry] = []
        self._problem = ""
        self._asked = ""

    def show_config(
        self, config: Mapping[str, Any], overrides: Sequence[str], problem: str = ""
    ) -> None:
        """Show a config; `problem` says why there is none."""
        if (config, overrides) == self._known and problem == self._problem:
            return
        self._known, self._problem = (config, overrides), problem
        self._entries = list(entries_of(config, overrides))
        self._select()

    def show_run(self, run: RunSummary) -> None:
        """Show the config of a run: as its events tell it, or as it lies in its directory."""
        if run.config:
            self._asked = ""
            self.show_config(run.config, run.overrides)
        elif self._asked != run.path:
            self._asked = run.path
            self.show_config({}, (), "reading …")
            self._read(run)

    @work(thread=True, exclusive=True, group="config", description="config")
    def _read(self, run: RunSummary) -> None:
        try:
            config, problem = saved_config(run.path) or run.asked, ""
        except FactsError as error:
            config, problem = {}, plain(error.message)
        if not config and not problem:
            problem = "no config: it comes with the first event"
        self.post_message(self.Read(run, config, problem))

    def on_config_view_read(self, message: Read) -> None:
        """Show the config that was read, if it is still wanted."""
        message.stop()
        if message.run.path == self._asked:
            self.show_config(message.config, message.run.overrides, message.problem)
            self.post_message(self.Changed())

    def search(self, text: str) -> None:
        """Show the settings with a text in key or value only."""
        self.searched = text
        self._select()

    async def search_note(self) -> str:
        """How many settings are shown."""
        return f"{len(self._shown)} of {sum(not one.is_group for one in self._entries)}"

    def found(self, number: int) -> bool:
        """Whether a line is a setting."""
        return not self._shown[number].is_group

    def _select(self) -> None:
        wanted = self.searched.casefold().split()
        self._shown = [
            entry
            for entry in self._entries
            if not wanted
            or (
                not entry.is_group
                and all(word in f"{entry.path} {entry.value}".casefold() for word in wanted)
            )
        ]
        self.cursor = 0
        self.show_lines(max(1, len(self._shown)))

    def line(self, number: int) -> Text:
        """One setting, or the name of a group."""
        if not self._shown:
            told = self._problem or f"nothing in the config has {plain(self.searched)!r}"
            return Text(f" {told}", style=self.style_of("muted"))
        entry = self._shown[number]
        text = Text(no_wrap=True, end="")
        text.append(" * " if entry.typed else "   ", self.style_of("loud"))
        name = plain(entry.path if self.searched else entry.key)
        indent = "" if self.searched else "  " * entry.depth
        if entry.is_group:
            return text.append(f"{indent}{name}", self.style_of("title"))
        column = min(44, max(24, self.size.width // 3))
        text.append(f"{indent}{name}  ".ljust(column), self.style_of("muted"))
        text.append(entry.value, self.style_of("loud" if entry.typed else "key"))
        return text

    def note(self) -> str:
        """What there is, in a few words."""
        settings = sum(not one.is_group for one in self._entries)
        typed = sum(one.typed for one in self._entries)
        told = f", * {typed} from the command line" if typed else ""
        return f"{settings} settings{told}"

    def copied(self) -> tuple[str, str]:
        """The setting under the cursor as it would be typed, and what it is."""
        if not self._shown:
            return "", "the setting"
        entry = self._shown[self.cursor]
        return (entry.path if entry.is_group else f"{entry.path}={entry.value}"), "the setting"
