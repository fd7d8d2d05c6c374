"""The command `thesis-tui`: the app, or what it would show as text or as a picture."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.arguments import add_config_dir_option, config_folders
from engine.cli.output import Command, on_terminal
from engine.cli.select import add_root_option, output_root
from engine.errors import ConfigError

if TYPE_CHECKING:
    from tui.app import Settings
    from tui.terminal.graphics import Graphics, Question

_DETAILS = """\
In the app: ? shows every key of a screen, ctrl+p what can be done, Esc goes one layer out.

examples
  thesis-tui                                 the runs in ./outputs, or in $THESIS_OUTPUT_ROOT
  thesis-tui state=running                   those that match a filter of engine runs
  thesis-tui --run last                      begin with the newest run
  thesis-tui --once --sort val_loss          print the table and end; takes what engine runs takes
  thesis-tui --screenshot runs.svg           a picture of the screen, in no terminal
  thesis-tui --screenshot compare.svg --press a,c --size 160x48

NO_COLOR=1 takes the colours away, --ascii everything that is not ASCII. Nothing is animated over
SSH. docs/TUI_GUIDE.md says more.
"""

_SIZES = ((20, 5), (500, 200))


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    words = "which runs; the language of engine runs"
    parser.add_argument("words", metavar="FILTER", nargs="*", help=words)
    add_root_option(parser)
    first = "begin with this run: a name, a part of one, or last"
    parser.add_argument("--run", metavar="RUN", help=first)
    only = "change nothing: no tags, notes, stopping"
    parser.add_argument("--read-only", action="store_true", help=only)
    parser.add_argument("--light", action="store_true", help="dark on light ground")
    plain_signs = "ASCII signs only"
    parser.add_argument("--ascii", action="store_true", help=plain_signs)
    figures = "how figures are drawn (default auto: as the terminal can)"
    kinds = ("auto", "kitty", "sixel", "characters")
    parser.add_argument("--pictures", choices=kinds, default="auto", help=figures)
    add_config_dir_option(parser)
    trust = "a package of your own whose classes the config of a past run may name; may be repeated"
    parser.add_argument("--trust", metavar="PACKAGE", action="append", default=[], help=trust)
    once = "print the table and end: the same as engine runs, with all its options"
    parser.add_argument("--once", action="store_true", help=once)
    picture = "write a picture of the screen and end"
    parser.add_argument("--screenshot", metavar="FILE.svg", type=Path, help=picture)
    size = "of the picture, in characters (default 120x40)"
    parser.add_argument("--size", metavar="WxH", type=_size, default=(120, 40), help=size)
    press = "keys to press before the picture, with commas between"
    parser.add_argument("--press", metavar="KEY,…", default="", help=press)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    size = (int(width), int(height)) if width.isdecimal() and height.isdecimal() else (0, 0)
    if not all(low <= n <= high for low, n, high in zip(_SIZES[0], size, _SIZES[1], strict=True)):
        raise argparse.ArgumentTypeError(f"{text}: write it as 120x40, from 20x5 to 500x200")
    return size


def _open(args: argparse.Namespace) -> int:
    if args.screenshot is None and not (on_terminal() and sys.stdin.isatty()):
        hint = "thesis-tui --once prints the table, --screenshot FILE.svg draws a picture."
        raise ConfigError("thesis-tui needs a terminal", hint)
    if args.screenshot is not None and args.screenshot.suffix != ".svg":
        raise ConfigError(f"--screenshot {args.screenshot}: the picture is an SVG", "Name a .svg.")
    with _question(args) as question:
        run = _run(args)
        from tui.app import ThesisApp
        from tui.terminal.graphics import NO_GRAPHICS, Answer

        answer = question.answer() if question else Answer(NO_GRAPHICS)
    if answer.late:
        from tui.terminal.late_answers import expect_late_answers

        expect_late_answers()
    graphics = answer.graphics
    if args.pictures in ("kitty", "sixel"):
        graphics = graphics._replace(kind=args.pictures)
    app = ThesisApp(_settings(args, graphics), first_run=run, typed=answer.typed)
    if args.screenshot is not None:
        from tui.screenshot import write_screenshot

        keys = [key for key in args.press.split(",") if key]
        write_screenshot(app, args.screenshot, args.size, keys)
        return 0
    return app.run() or app.return_code or 0


def _question(args: argparse.Namespace) -> contextlib.AbstractContextManager[Question | None]:
    """Asks the terminal whether it draws pixels, unless nobody wants to know."""
    from tui.terminal.graphics import Question, answers_questions

    wanted = args.screenshot is None and args.pictures != "characters"
    if wanted and answers_questions(os.environ.get("TERM", "")):
        return Question(sys.stdin.fileno())
    return contextlib.nullcontext()


def _settings(args: argparse.Namespace, graphics: Graphics) -> Settings:
    from engine.cli.trust import trusted_packages
    from tui.app import Settings
    from tui.look import Look

    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    drawn = args.screenshot is not None
    look = Look(
        ascii=args.ascii or not (drawn or encoding.startswith("utf")),
        colour="NO_COLOR" not in os.environ,
        moving=not ("SSH_CONNECTION" in os.environ or drawn),
        graphics=graphics,
    )
    return Settings(
        root=Path(os.path.abspath(output_root(args.root))),
        look=look,
        read_only=args.read_only,
        light=args.light,
        filter=_filter(args.words),
        config_dirs=tuple(config_folders(args.config_dir)),
        trusted=(*args.trust, *trusted_packages()),
        state=Path(os.devnull) if drawn else None,  # a picture depends on nobody's habits
    )


def _filter(words: Sequence[str]) -> str:
    from engine.cli.runs import one_filter

    return str(one_filter(words)) if words else ""


def _run(args: argparse.Namespace) -> str:
    """The path of the run to begin with; empty for the table."""
    if not args.run:
        return ""
    from engine.cli.select import select_one

    return str(select_one(args.run, args.root))


command = Command(
    name="thesis-tui",
    summary="Browse runs, watch them live, compare them.",
    add_arguments=_add_arguments,
    work=_open,
    details=_DETAILS,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if "--once" in words:
        from engine.cli.runs import main as runs

        return runs([word for word in words if word != "--once"])
    if words[:1] == ["--version"]:
        from engine import __version__

        print(f"thesis-ml {__version__}")
        return 0
    return command(words, program="")


def entry() -> None:
    """What the installed command calls."""
    # Many records are made and few thrown away: looking for those costs a third of reading runs.
    gc.set_threshold(20_000, 50, 50)
    sys.exit(main())
