"""What the app remembers of how somebody looked at a root: one small file per root.

Columns, order, filter, marks: everything that a person chose, nothing that the runs say. The file
is the user's own, in the folder for such state; one that cannot be read is kept under another name.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

from engine.errors import FactsError
from engine.facts.files import replace_file
from tui.state_files import locked, read_own, set_aside

FORMAT = 1
"""Version of the file; one of another version is not read."""


class Remembered:
    """Choices by name, kept from one time to the next.

    Parameters
    ----------
    root
        The folder with the runs.
    folder
        Where the file lies; by default `thesis-ml` in the user's folder for state. None of it is
        written where that cannot be.
    """

    def __init__(self, root: str | os.PathLike[str], folder: Path | None = None) -> None:
        self.root = os.path.abspath(root)
        name = f"{os.path.basename(self.root)[:40]}-{zlib.crc32(os.fsencode(self.root)):08x}.json"
        folder = state_folder() if folder is None else folder
        self.path = folder / name if folder else None
        self.folder = self.path.with_suffix(".drafts") if self.path else None
        """Where drafts are kept, each in a file of its own."""
        self.problems: list[str] = []
        """What is to be told about the file; whoever tells it takes it out."""
        self._saving = threading.Lock()
        self._choices = self._read()
        self._known = {name: json.dumps(value) for name, value in self._choices.items()}
        """What was read or written last, as text."""

    def texts(self, name: str) -> list[str]:
        """A choice that is a list of texts; empty where there is none."""
        value = self._choices.get(name)
        return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []

    def text(self, name: str, default: str = "") -> str:
        """A choice that is a text."""
        value = self._choices.get(name)
        return value if isinstance(value, str) else default

    def number(self, name: str, default: float = 0.0) -> float:
        """A choice that is a number, and a finite one."""
        value = self._choices.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return default
        return value if abs(value) <= sys.float_info.max else default

    def switch(self, name: str, default: bool = False) -> bool:
        """A choice between yes and no."""
        value = self._choices.get(name)
        return value if isinstance(value, bool) else default

    def record(self, name: str) -> dict[str, Any]:
        """A choice that has entries; empty where there is none."""
        value = self._choices.get(name)
        return value if isinstance(value, dict) else {}

    def records(self, name: str) -> list[dict[str, Any]]:
        """A choice that is a list of such; empty where there is none."""
        value = self._choices.get(name)
        return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []

    def names(self, beginning: str) -> list[str]:
        """The names of choices that begin so."""
        return [name for name in self._choices if name.startswith(beginning)]

    def keep(self, name: str, value: Any) -> None:
        """Remember a choice; it is written by `save`."""
        self._choices[name] = value

    def save(self) -> None:
        """Write the choices that changed; where that cannot be done they are forgotten.

        What another window on the same root has written meanwhile stays. Two threads may save:
        the one that comes later writes what is chosen then.
        """
        with self._saving:
            self._save()

    def _save(self) -> None:
        chosen = dict(self._choices)  # this is a thread, and the screen goes on choosing
        texts = {name: json.dumps(value) for name, value in chosen.items()}
        if self.path is None or not self._changed(texts):
            return
        with contextlib.suppress(OSError, FactsError):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with locked(self.path.parent):
                choices = self._read()
                changed = self._changed(texts)
                choices |= {name: chosen[name] for name in changed}
                record = {"format": FORMAT, "root": self.root, "choices": choices}
                line = json.dumps(record, indent=1).encode()
                if self.path is not None:
                    replace_file(self.path, lambda handle: handle.write(line))
                    self._known |= changed

    def _changed(self, texts: dict[str, str]) -> dict[str, str]:
        return {name: text for name, text in texts.items() if text != self._known.get(name)}

    def _read(self) -> dict[str, Any]:
        """The choices in the file; one with others than ours is kept under another name."""
        if self.path is None:
            return {}
        try:
            record = read_own(self.path)
        except FactsError as error:
            return self._without(self.path, error.message)
        if record is None:
            self._known = {}  # all that is chosen is to be written
            return {}
        choices = record.get("choices")
        known = record.get("format") == FORMAT and record.get("root") == self.root
        if known and isinstance(choices, dict):
            return choices
        return self._without(self.path, f"{self.path} is of another version of the app")

    def _without(self, path: Path, why: str) -> dict[str, Any]:
        self._known = {}
        try:
            told = f"It is kept as {set_aside(path).name}."
        except FactsError:
            self.path = None
            told = "Nothing is remembered until it can be read."
        self.problems.append(f"{why}. {told}")
        return {}


def choices_of(app: object) -> Remembered:
    """The choices of the app that a widget is in; of another app, some that nobody keeps."""
    found = getattr(app, "remembered", None)
    return found if isinstance(found, Remembered) else Remembered(os.devnull, Path(os.devnull))


def state_folder() -> Path | None:
    """The user's folder for such files; None where there is no home."""
    place = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(place):
        return Path(place) / "thesis-ml"
    home = os.path.expanduser("~")
    return Path(home) / ".local" / "state" / "thesis-ml" if os.path.isabs(home) else None
