"""The files of a run directory, with their sizes and ages."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass

from rich.text import Text
from textual.message import Message

from engine.facts.text import plain
from engine.tables.units import show_age, show_size
from tui.watch import Watch, Watching
from tui.widgets.listing import Listing

WAITING = "looking …"
"""What is said before anything is known."""

MOST_FILES = 2000
"""Entries that are listed;"""
DEEPEST = 5
"""folders within folders likewise."""

AGES_S = 60.0
"""Between two looks at the ages on the screen."""


@dataclass(frozen=True)
class FileEntry:
    """A file, folder or link."""

    path: str
    depth: int
    size: int
    changed: float
    """Unix seconds."""
    is_folder: bool = False
    target: str = ""
    """Where a link points; it is not followed."""
    problem: str = ""


def list_files(folder: str, depth: int = 0, room: int = MOST_FILES) -> Iterator[FileEntry]:
    """What lies in a folder, files first, and below it; `room` entries at most.

    Raises
    ------
    OSError
        If the folder itself cannot be looked into.
    """
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: (entry.is_dir(follow_symlinks=False), entry.name))
    for entry in entries:
        if room <= 0:
            return
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue  # removed meanwhile
        inner = list(_inner(entry, depth, room - 1))
        yield _entry(entry, depth, status, inner)
        yield from inner
        room -= 1 + len(inner)


def _inner(entry: os.DirEntry[str], depth: int, room: int) -> Iterator[FileEntry]:
    if not entry.is_dir(follow_symlinks=False) or depth >= DEEPEST:
        return
    try:
        yield from list_files(entry.path, depth + 1, room)
    except OSError as error:
        problem = error.strerror or "it cannot be read"
        yield FileEntry(f"{entry.path}/…", depth + 1, 0, 0, problem=problem)


def _entry(
    entry: os.DirEntry[str], depth: int, status: os.stat_result, inner: list[FileEntry]
) -> FileEntry:
    if stat.S_ISLNK(status.st_mode):
        try:
            target = os.readlink(entry.path)
        except OSError:
            target = "?"
        return FileEntry(entry.path, depth, 0, status.st_mtime, target=target)
    if stat.S_ISDIR(status.st_mode):
        size = sum(one.size for one in inner if not one.is_folder)
        newest = max((one.changed for one in inner), default=status.st_mtime)
        return FileEntry(entry.path, depth, size, newest, is_folder=True)
    return FileEntry(entry.path, depth, status.st_size, status.st_mtime)


class FilesView(Watching, Listing):
    """A tree of the files of a run; links are shown, and not followed."""

    SEARCH_HINT = "search the files"

    class Listed(Message):
        """What the thread that looks found."""

        def __init__(self, path: str, files: tuple[FileEntry, ...], problem: str) -> None:
            super().__init__()
            self.path, self.files, self.problem = path, files, problem

    class Changed(Message):
        """The note about the files has changed."""

    def __init__(self, path: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._files: tuple[FileEntry, ...] = ()
        self.problem = WAITING
        self.show_path(path)

    def show_path(self, path: str) -> None:
        """Show the files of another run."""
        on = self._watch is not None and self._watch.on
        self.stop()
        self.path, self._files, self.problem = path, (), WAITING
        self.show_lines(1)
        known: list[tuple[tuple[FileEntry, ...], str]] = []

        def see() -> tuple[bool, bool]:
            try:
                files, problem = tuple(list_files(path)), ""
            except OSError as error:
                files, problem = (), f"cannot look into {path}: {error.strerror}"
            news = not known or known[0] != (files, problem)
            if news:
                known[:] = [(files, problem)]
                self.post_message(self.Listed(path, files, plain(problem)))
            return news, False

        self._watch = Watch("files", see, self.app.post_message, fastest=2.0, slowest=15.0)
        self.watch_files(on)

    @property
    def is_settled(self) -> bool:
        """Whether the files have been looked at."""
        return self.problem != WAITING

    def on_mount(self) -> None:
        """Let the ages grow."""
        self.set_interval(AGES_S, self._grow_older)

    def _grow_older(self) -> None:
        if self._watch is not None and self._watch.on:
            self.refresh()

    def on_files_view_listed(self, message: Listed) -> None:
        """Take what was found."""
        message.stop()
        if message.path != self.path:
            return
        before, self._files, self.problem = self._files, message.files, message.problem
        self.show_lines(max(1, len(self._files)), redraw=len(before) != len(self._files))
        for number, (old, new) in enumerate(zip(before, self._files, strict=False)):
            if old != new:
                self.redraw_line(number)
        self.post_message(self.Changed())

    def line(self, number: int) -> Text:
        """One file."""
        if not self._files:
            return Text(f" {self.problem or 'the directory is empty'}", self.style_of("muted"))
        entry = self._files[number]
        name = plain(os.path.basename(entry.path)) + ("/" if entry.is_folder else "")
        style = self.style_of("title" if entry.is_folder else "key")
        text = Text(" " + "  " * entry.depth + name, style=style, no_wrap=True, end="")
        if entry.target:
            text.append(f" -> {plain(entry.target)}", self.style_of("muted"))
        if entry.problem:
            return text.append(f"  {entry.problem}", self.style_of("bad"))
        width = min(max(24, self.size.width - 20), 72)
        text.truncate(width, overflow="ellipsis", pad=True)
        size = "" if entry.target else show_size(entry.size)
        text.append(f"{size:>10}", self.style_of("muted" if entry.is_folder else "value"))
        text.append(f"{show_age(max(0.0, time.time() - entry.changed)):>7}", self.style_of("muted"))
        return text

    def note(self) -> str:
        """What there is, in a few words."""
        files = [one for one in self._files if not one.is_folder and not one.target]
        more = f", the first {MOST_FILES:,}" if len(self._files) >= MOST_FILES else ""
        return f"{len(files)} files, {show_size(sum(one.size for one in files))}{more}"

    def copied(self) -> tuple[str, str]:
        """The path under the cursor, and what it is."""
        return (self._files[self.cursor].path if self._files else "", "the path")
