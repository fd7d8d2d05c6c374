"""What the commands share: one frame around each, and one way to print.

On a terminal a table fits the width and has colours (none with `NO_COLOR`). In a pipe it is
tab-separated with a line of titles, whole and with all digits; `--json` prints JSON. Text from
files reaches either without control characters.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.cli.console import exit_code, report
from engine.errors import EngineError
from engine.facts.text import plain

if TYPE_CHECKING:
    from rich.text import Text

STATE_STYLES = {
    "queued": "dim",
    "held": "yellow",
    "running": "bold cyan",
    "finished": "green",
    "stopped": "blue",
    "failed": "bold red",
    "lost": "magenta",
    "broken": "red",
}
"""State to its colour, as rich writes it; `broken` is a directory that tells no state."""


_GAP = 2
"""Blanks between two columns."""

_NARROWEST = 16
"""A column of text is not made narrower than this to save room."""


class Cell(NamedTuple):
    """One cell of a table."""

    text: str
    """For humans."""
    value: Any = None
    """For pipes: full precision; None where there is nothing."""
    style: str = ""
    """For rich; nothing in it comes from a file."""


@dataclass(frozen=True)
class Command:
    """A subcommand: what it is called with, and what it does.

    A module of `engine.cli` has one such object for each of its commands; calling it runs the
    command, and tab completion asks it for its parser. What an argument completes to is told by
    its metavar: RUN, FILTER, KEY, METRIC, TAG (with commas between several), or DIR and FILE.
    """

    name: str
    summary: str
    """One line for the list of commands."""
    add_arguments: Callable[[argparse.ArgumentParser], None]
    work: Callable[[argparse.Namespace], int | None]
    """Does it; None is exit code 0."""
    details: str = ""
    """Shown below the options: rules and examples, as they stand."""
    signed: tuple[str, ...] = ()
    """Options whose value may begin with a minus, such as `--sort -val_loss`."""

    def parser(self, program: str = "engine") -> argparse.ArgumentParser:
        """The parser of its arguments."""
        parser = argparse.ArgumentParser(
            prog=f"{program} {self.name}",
            description=self.summary,
            epilog=self.details,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_arguments(parser)
        parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
        return parser

    def __call__(self, argv: Sequence[str] | None = None, program: str = "engine") -> int:
        """Run it.

        Returns
        -------
        int
            0 when all went well, 2 for a mistake in the command, 1 for a failure, 128 and the
            signal's number for an interrupt or when nobody reads the output any more.
        """
        words = list(sys.argv[1:] if argv is None else argv)
        debug = "--debug" in words
        try:
            args = self.parser(program).parse_intermixed_args(_joined(words, self.signed))
            code = self.work(args) or 0
            sys.stdout.flush()
        except BrokenPipeError:
            return _nobody_reads()
        except KeyboardInterrupt:
            return 128 + signal.SIGINT
        except SystemExit as leave:
            return exit_code(leave)
        except EngineError as error:
            report(error, debug)
            return error.exit_code
        except Exception as error:  # noqa: BLE001 - a bug gets its sentence like any failure
            report(error, debug)
            return 1
        return code


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def on_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def write(text: str) -> None:
    """Print as it is; what the encoding of the output does not have becomes a question mark."""
    if getattr(sys.stdout, "errors", None) == "strict":
        encoding = sys.stdout.encoding or "utf-8"
        text = text.encode(encoding, "replace").decode(encoding)
    sys.stdout.write(text)


def say(text: str) -> None:
    """Print text that may come from files, cleaned, and end the line."""
    write(plain(text, keep_lines=True) + "\n")


def remark(text: str) -> None:
    """Tell the person something beside the output: on standard error, so that pipes stay clean."""
    print(plain(text, keep_lines=True), file=sys.stderr)


def print_json(value: object) -> None:
    """Print `value` as JSON in plain ASCII; numbers that are not finite are null."""
    write(json.dumps(_plain_json(value), indent=2, allow_nan=False) + "\n")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print a table for whoever reads: see the module's first lines.

    A cell in a pipe is its `value`: tab-separated, `repr` for numbers, empty for None.
    """
    if on_terminal():
        _print_rich(titles, rows)
        return
    lines = [[plain(title) for title in titles]]
    lines += [[machine_text(cell.value) for cell in row] for row in rows]
    write("".join("\t".join(line) + "\n" for line in lines))


def state_cell(state: str | None) -> Cell:
    """The cell of a run's state, in its colour."""
    name = plain(state or "broken")
    return Cell(name, state, STATE_STYLES.get(name, ""))


def machine_text(value: Any) -> str:
    """A value for a tab-separated line: all digits, `true` and `false`, nothing for None.

    Texts of a list have commas between them; other lists are JSON.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value):
        return plain(",".join(value))
    if isinstance(value, list | tuple | Mapping):
        return plain(json.dumps(_plain_json(value), ensure_ascii=False, separators=(",", ":")))
    return plain(value)


def _print_rich(titles: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print a table as wide as the terminal at most.

    Long texts are cut, numbers never: where even that does not do, the last columns are left out,
    and a line says which.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(
        file=sys.stdout, force_terminal=True, highlight=False, markup=False, emoji=False
    )
    numeric = [all(_is_number(row[n].value) for row in rows) for n in range(len(titles))]
    texts = [[Text(plain(title)) for title in titles]]
    texts += [[Text(plain(cell.text), style=cell.style) for cell in row] for row in rows]
    widths = [max(line[n].cell_len for line in texts) for n in range(len(titles))]
    widths = _fitting(widths, numeric, console.width)
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for title, width, right in zip(texts[0], widths, numeric, strict=False):
        justify: Any = "right" if right else "left"
        table.add_column(
            title, justify=justify, no_wrap=True, overflow="ellipsis", width=max(width, 1)
        )
    for line in texts[1:]:
        table.add_row(*map(_cut, line, widths))
    console.print(table)
    if len(widths) < len(titles):
        remark(f"no room for {', '.join(titles[len(widths) :])}: a wider terminal, or | less -S")


def _cut(text: Text, width: int) -> Text:
    """`text` without its middle where it is too long: run names differ at both ends."""
    if text.cell_len <= width:
        return text
    behind = (width - 1) // 2
    cut = text[: width - 1 - behind]
    return cut.append("…").append_text(text[len(text) - behind :])


def _fitting(widths: Sequence[int], numeric: Sequence[bool], room: int) -> list[int]:
    """Widths of the columns that fit: texts are made narrower first, then the last is dropped."""
    fitting = list(widths)
    while fitting:
        excess = sum(fitting) + _GAP * (len(fitting) - 1) - room
        if excess <= 0:
            return fitting
        texts = [n for n in range(len(fitting)) if not numeric[n] and fitting[n] > _NARROWEST]
        if texts:
            widest = max(texts, key=lambda n: fitting[n])
            fitting[widest] -= 1
        elif len(fitting) == 1:
            return [max(room, 1)]
        else:
            fitting = list(widths[: len(fitting) - 1])
    return fitting


def _is_number(value: Any) -> bool:
    """Whether a cell does not speak against being set to the right: a number, or empty."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _plain_json(value: Any) -> Any:
    """`value` as JSON knows it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | int | None):
        return value
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(key): _plain_json(entry) for key, entry in value.items()}
    if isinstance(value, Sequence | Set):
        return [_plain_json(entry) for entry in value]
    return str(value) if isinstance(value, Path) else repr(value)


def _joined(words: Sequence[str], signed: Sequence[str]) -> list[str]:
    """`--sort -val_loss` as `--sort=-val_loss`: argparse takes the value for an option else."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in signed:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _nobody_reads() -> int:
    """Leave in silence when the reader of the output has gone, as `head` does."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return 128 + signal.SIGPIPE
