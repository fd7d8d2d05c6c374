"""The options of `engine jobs`, and the page of help of each thing that it does."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from engine.cli.jobs_actions import ASKED
from engine.cli.output import add_json_option
from engine.cli.select import add_root_option

LINES = 20

_OPTIONS: dict[str, dict[str, Any]] = {
    "--all": {"action": "store_true", "help": "list old ones as well"},
    "--yes": {"action": "store_true", "help": "kill without a question"},
    "--grace": {
        **{"type": float, "default": 10.0, "metavar": "S"},
        "help": "seconds for SIGTERM (default 10)",
    },
    "--lines": {
        **{"type": int, "default": LINES, "metavar": "N"},
        "help": f"lines of the log (default {LINES})",
    },
    **{f"--{key}": {"metavar": "N", "help": f"{key} to ask for: release, edit"} for key in ASKED},
    "--reason": {"metavar": "TEXT", "default": "", "help": "why, for hold"},
}
_ASKED = tuple(f"--{key}" for key in ASKED)

JOB = (
    "the newest run: last; or a name or a part of one, a directory, the first digits of an id, "
    "HTCondor's number"
)


@dataclass(frozen=True)
class Page:
    """What is told of one thing that is done with jobs."""

    summary: str
    options: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


PAGES = {
    "list": Page("State, progress, process and number of what was launched.", ("--all",),
                 ("list --all --json",)),
    "stop": Page("Ask jobs to save and end, wherever they run; one that waits does not begin.",
                 (), ("stop last",)),
    "kill": Page("End the processes of jobs on this machine; of a job on HTCondor remove it.",
                 ("--yes", "--grace"), ("kill last --grace 60",)),
    "log": Page("The last lines of what a job printed; of a sweep those of each of its runs.",
                ("--lines",), ("log last -n 50",)),
    "hold": Page("Let jobs on HTCondor wait until they are released; one that runs saves first.",
                 ("--reason",), ('hold last --reason "others first"',)),
    "release": Page("Let held jobs go on; with --memory and the like they ask for that.",
                    _ASKED, ("release last", "release last --memory 8GB")),
    "remove": Page("Have HTCondor end jobs for good; one that runs saves first.", (),
                   ("remove last",)),
    "edit": Page("Change what jobs on HTCondor ask for: memory, disk, cpus, gpus, category,\n"
                 "requirements, priority; a job that runs has it from its next start on.",
                 _ASKED, ("edit last category=long priority=5",)),
    "why": Page("Say in one sentence why a job on HTCondor does not run.", (), ("why last",)),
}  # fmt: skip
"""What can be done, to what is told of it."""


def add_options(parser: argparse.ArgumentParser, names: tuple[str, ...] = tuple(_OPTIONS)) -> None:
    """Add these options, and those of every command."""
    for name in names:
        short = ("-n",) if name == "--lines" else ()
        parser.add_argument(*short, name, **_OPTIONS[name])
    add_root_option(parser)
    add_json_option(parser)


def page_of(action: str, program: str) -> str:
    """The help of one thing that is done with jobs."""
    page = PAGES[action]
    parser = argparse.ArgumentParser(
        prog=f"{program} jobs {action}",
        description=page.summary,
        epilog="\n".join(f"  {program} jobs {words}" for words in page.examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if action != "list":
        parser.add_argument("jobs", metavar="JOB", nargs="+", help=JOB)
    if action in ("edit", "release"):
        text = "what it asks for from now on"
        parser.add_argument("changes", metavar="KEY=VALUE", nargs="*", help=text)
    add_options(parser, page.options)
    return parser.format_help()
