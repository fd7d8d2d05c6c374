"""The command `engine`: one module per subcommand, imported when it is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

GROUPS = {
    "Training": {
        "train": ("engine.cli.train", "main", "train a model; the same as thesis-train"),
        "launch": ("engine.cli.launch", "main", "train in the background"),
        "submit": ("engine.cli.submit", "main", "train on a cluster with HTCondor"),
        "jobs": ("engine.cli.jobs", "main", "list, stop and kill what was launched"),
        "check": ("engine.cli.check", "main", "whether a training will work, and what it takes"),
        "resume": ("engine.cli.resume", "main", "go on with a run where it was saved last"),
        "stop": ("engine.cli.stop", "stop", "ask runs to save and end"),
        "kill": ("engine.cli.stop", "kill", "end runs that do not listen"),
    },
    "Looking": {
        "runs": ("engine.cli.runs", "main", "list, filter, sort and group runs"),
        "show": ("engine.cli.show", "main", "all about a run"),
        "diff": ("engine.cli.diff", "main", "in what runs differ"),
        "follow": ("engine.cli.follow", "main", "what a run does, as it happens"),
        "plot": ("engine.cli.plot", "main", "curves in the terminal"),
        "evaluate": ("engine.cli.evaluate", "main", "what the model of a run is worth"),
        "compare": ("engine.cli.compare", "main", "train combinations of components, in a table"),
    },
    "Taking away": {
        "export": ("engine.cli.export", "main", "numbers of runs as CSV, JSON or LaTeX"),
        "report": ("engine.cli.report", "main", "a page about runs, to send to somebody"),
    },
    "Keeping order": {
        "tag": ("engine.cli.labels", "tag", "give runs tags"),
        "note": ("engine.cli.labels", "note", "write a note on a run"),
        "archive": ("engine.cli.labels", "archive", "leave runs out of lists"),
        "remove": ("engine.cli.remove", "main", "delete run directories"),
    },
}
"""What a command is for, to its name, to its module, its function there and what it does."""

COMMANDS = {name: entry for group in GROUPS.values() for name, entry in group.items()}
"""Name to module, function and what it does."""


OTHER_NAMES = {
    "ls": "runs", "list": "runs", "status": "runs", "ps": "runs", "top": "runs --watch",
    "rm": "remove", "delete": "remove", "log": "show --log 20",
    "tail": "follow", "watch": "runs --watch", "curves": "plot", "start": "launch",
    "queue": "jobs", "sweep": "launch --multirun",
    "dry-run": "check", "preflight": "check", "validate": "check", "estimate": "check",
    "eval": "evaluate", "score": "evaluate", "roc": "evaluate",
    "help": "--help", "version": "--version", "completion": "--shell-completion install=bash",
}  # fmt: skip
"""What people type to what they mean."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; its exit code, 128 and the signal's number for an interrupt."""
    try:
        code = _main(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except BrokenPipeError:
        from engine.cli.console import nobody_reads

        return nobody_reads()
    except KeyboardInterrupt:
        return 130
    return code


def _main(words: list[str]) -> int:
    if words[:1] in (["-sc"], ["--shell-completion"]):
        from engine.cli.completion import answer

        return answer(words, COMMANDS)
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0
    if words[0] == "--version":
        from engine import __version__

        print(f"thesis-ml {__version__}")
        return 0
    if words[0] not in COMMANDS:
        print(_unknown(words[0]), file=sys.stderr)
        return 2
    module, function, _ = COMMANDS[words[0]]
    return getattr(importlib.import_module(module), function)(words[1:], program="engine")


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = []
    for title, group in GROUPS.items():
        lines += [title, *(f"  {name:{width}}  {text}" for name, (_, _, text) in group.items()), ""]
    return "\n".join(
        [
            "thesis-ml: train on collision events, and keep a record of every run.",
            "",
            "engine COMMAND [ARGUMENT]...",
            "",
            *lines,
            "engine COMMAND --help tells more. engine --version tells the version.",
            'Tab completion: eval "$(engine --shell-completion install=bash)"   (or zsh, fish)',
        ]
    )


def _unknown(word: str) -> str:
    from difflib import get_close_matches

    close = [OTHER_NAMES[word]] if word in OTHER_NAMES else get_close_matches(word, COMMANDS, n=1)
    hint = f"Did you mean engine {close[0]}?" if close else "engine --help lists the commands."
    return f"error: there is no command {word!r}\n  {hint}"


def entry() -> None:
    """What the installed command calls."""
    sys.exit(main())
