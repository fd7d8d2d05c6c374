"""The command `engine`: one module per subcommand, imported when it is called."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

COMMANDS = {
    "train": ("engine.cli.train", "train a model; the same as thesis-train"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] in (["-sc"], ["--shell-completion"]):
        return _complete(words)
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0
    if words[0] == "--version":
        from engine import __version__

        print(f"thesis-ml {__version__}")
        return 0
    if words[0] not in COMMANDS:
        print(f"engine: there is no command {words[0]}; see engine --help", file=sys.stderr)
        return 2
    module, _ = COMMANDS[words[0]]
    return importlib.import_module(module).main(words[1:], program="engine")


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        [
            "thesis-ml: train on collision events, and keep a record of every run.",
            "",
            "engine COMMAND [ARGUMENT]...",
            "",
            *lines,
            "",
            "engine COMMAND --help tells more. engine --version tells the version.",
            'Tab completion: eval "$(engine --shell-completion install=bash)"',
        ]
    )


def _complete(words: list[str]) -> int:
    """Answer the shell: the name of a command first, then what that command completes."""
    typed = os.environ.get("COMP_LINE", "").split(" ")
    if words[-1].startswith("query=") and len(typed) <= 2:
        print(" ".join(COMMANDS))
        return 0
    if len(typed) > 1:
        os.environ["COMP_LINE"] = " ".join(typed[1:])
    return importlib.import_module(COMMANDS["train"][0]).main(words, program="engine")


def entry() -> None:
    """What the installed command calls."""
    sys.exit(main())
