"""A picture of a screen as SVG, made without a terminal."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from pathlib import Path

from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character
from textual.pilot import Pilot

from engine.errors import ConfigError
from engine.facts.files import replace_file
from tui.app import ThesisApp

PATIENCE_S = 30.0
"""How long a screen may take until all its files are read."""

_FONTS = re.compile(r"@font-face\s*\{.*?\}\s*", re.DOTALL)
_FAMILY = re.compile(r"font-family: [^;]*Fira Code[^;]*;")
_LOCAL = 'font-family: "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace;'


def check_keys(keys: Sequence[str]) -> None:
    """Refuse names that no key has.

    Raises
    ------
    ConfigError
        Names all of them.
    """
    wrong = [key for key in keys if not _is_key(key)]
    if wrong:
        hint = "A key is a character or a name, as in a,enter,slash,down,ctrl+p,f1."
        raise ConfigError(f"no key has the name {', '.join(wrong)}", hint)


def _is_key(name: str) -> bool:
    """Whether Textual knows a key of this name: a character, what it is called, or a key's own."""
    bare = name.split("+")[-1] if len(name) > 1 else name
    own = {key.value for key in Keys} | set(KEY_NAME_REPLACEMENTS.values())
    return len(bare) == 1 or bare in own or key_to_character(bare) is not None


def write_screenshot(
    app: ThesisApp, file: Path, size: tuple[int, int], keys: Sequence[str] = ()
) -> None:
    """Open the app out of sight, press keys, and write what it shows.

    Parameters
    ----------
    size
        Columns and lines.
    keys
        Names of keys, as Textual has them: `enter`, `slash`, `a`.

    Raises
    ------
    ConfigError
        If there is no such key, or the screen is not ready in `PATIENCE_S` seconds.
    FactsError
        If the file cannot be written.
    """
    check_keys(keys)
    pictures: list[str] = []

    async def pose(pilot: Pilot[object]) -> None:
        await _settle(app, pilot)
        for key in keys:
            await pilot.press(key)
            await _settle(app, pilot)
        pictures.append(app.export_screenshot(title=app.title))
        app.exit(0)

    app.run(headless=True, size=size, auto_pilot=pose)
    if not pictures:
        raise ConfigError("the screen could not be drawn", "Open it in a terminal to see why.")
    text = _FAMILY.sub(_LOCAL, _FONTS.sub("", pictures[0]))
    replace_file(file, lambda handle: handle.write(text.encode()))


async def _settle(app: ThesisApp, pilot: Pilot[object]) -> None:
    """Wait until everything that the screen asked for is read and drawn."""
    end = time.monotonic() + PATIENCE_S
    quiet = 0
    while quiet < 3:
        await pilot.pause()
        await asyncio.sleep(0.05)
        quiet = quiet + 1 if app.is_settled else 0
        if time.monotonic() > end:
            raise ConfigError(f"the screen is not ready after {PATIENCE_S:.0f} s")
