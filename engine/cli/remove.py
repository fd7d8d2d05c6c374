"""The command `engine remove`: delete run directories, and nothing else."""

from __future__ import annotations

import argparse
import os
import shutil
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.output import (
    Cell,
    Command,
    add_json_option,
    print_json,
    print_table,
    remark,
    say,
    state_cell,
)
from engine.cli.run_folder import doubt_about
from engine.cli.select import add_root_option, add_run_argument, output_root, select_dirs
from engine.errors import ConfigError, FactsError
from engine.facts.text import plain

if TYPE_CHECKING:
    from engine.library.summary import RunSummary


@dataclass(frozen=True)
class Doomed:
    """A run directory that may be removed."""

    path: Path
    """Without any link in it."""
    identity: tuple[int, int]
    """Device and inode of the directory that was looked at."""
    run: RunSummary
    broken: bool = False
    """Whether it may go although its state cannot be told."""


def find_doomed(paths: Sequence[Path], root: Path, broken: bool = False) -> list[Doomed]:
    """Look at all the directories before any is removed.

    Parameters
    ----------
    broken
        Whether a run may go whose state cannot be told.

    Raises
    ------
    ConfigError
        If one is no run directory strictly below `root`, is itself a link, holds something that no
        training wrote, belongs to a run that is not over, or is not ours to remove.
    """
    return [_doomed(path, root, broken) for path in paths]


def _doomed(path: Path, root: Path, broken: bool) -> Doomed:
    from engine.library.index import summarise

    if path.is_symlink():
        raise ConfigError(
            f"{path} is a link and not removed", f"It leads to {os.path.realpath(path)}."
        )
    real, real_root = Path(os.path.realpath(path)), Path(os.path.realpath(root))
    if real_root not in real.parents:
        raise ConfigError(
            f"{path} is not below the output root {root} and not removed",
            "--root names another output root.",
        )
    status = os.lstat(real)
    below_root = real.relative_to(real_root)
    hidden = any(part.startswith(".") for part in below_root.parts)
    doubt = "it is no run directory" if hidden else doubt_about(real)
    if doubt:
        raise ConfigError(f"{path} is not removed: {doubt}")
    run = summarise(real)
    _refuse_alive(run, broken)
    return Doomed(real, (status.st_dev, status.st_ino), run, broken)


def _refuse_alive(run: RunSummary, broken: bool) -> None:
    """Raise unless a run is known to be over, or is `broken` and no process works on it."""
    from engine.cli.run_text import state_sentence
    from engine.facts.state import UNDER_WAY

    state, sentence = run.state, run.sentence
    if state is None:
        state, sentence = _state_without_events(Path(run.path))
    if state in UNDER_WAY:
        raise ConfigError(
            f"{run.name} is {state} and not removed: {sentence}",
            f"engine stop {run.name} ends it first; engine kill {run.name} if it does not listen.",
        )
    if run.state is None and not broken:
        raise ConfigError(
            f"{run.name} is not removed: {state_sentence(run)}", "--broken removes it all the same."
        )


def _state_without_events(path: Path) -> tuple[str | None, str]:
    """What attempts, heartbeat and launch record say of a run whose events cannot be read."""
    from engine.facts.evidence import gather
    from engine.facts.last_seen import LastSeen
    from engine.facts.run_dir import RunDir
    from engine.facts.state import judge

    try:
        told = judge(gather(RunDir(path), LastSeen()))
    except FactsError:
        return None, ""
    return told.state, told.sentence


def remove(doomed: Doomed) -> None:
    """Delete a run directory; links in it are deleted, what they lead to is not touched.

    It first gets a name that begins with a dot: a run that is removed by half is never listed. If
    nothing of it can be deleted it gets its own name again.

    Raises
    ------
    ConfigError
        If another directory has taken its place, or its run has begun again.
    FactsError
        If it cannot be deleted.
    """
    from engine.library.index import summarise

    _refuse_alive(summarise(doomed.path), doomed.broken)
    hidden = f".removed-{os.urandom(8).hex()}"
    try:
        # All by names in one open folder: no link can be put into the path meanwhile.
        parent = os.open(doomed.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _hide(parent, doomed, hidden)
            _delete(parent, doomed, hidden)
        finally:
            os.close(parent)
    except OSError as error:
        left = os.path.lexists(doomed.path.with_name(hidden))
        raise FactsError(
            f"cannot remove {doomed.path}: {error.strerror or error}",
            f"What is left of it is named {hidden}." if left else "Nothing of it is removed.",
        ) from error


def _hide(parent: int, doomed: Doomed, hidden: str) -> None:
    """Rename the directory; back again if it is not the one that was looked at."""
    name = doomed.path.name
    os.rename(name, hidden, src_dir_fd=parent, dst_dir_fd=parent)
    status = os.stat(hidden, dir_fd=parent, follow_symlinks=False)
    same = (status.st_dev, status.st_ino) == doomed.identity
    if not (same and stat.S_ISDIR(status.st_mode)):
        os.rename(hidden, name, src_dir_fd=parent, dst_dir_fd=parent)
        raise ConfigError(f"{doomed.path} changed meanwhile and is not removed")


def _delete(parent: int, doomed: Doomed, hidden: str) -> None:
    """Delete the renamed directory; if nothing of it went, it gets its name back."""
    path = doomed.path.with_name(hidden)
    before = _n_entries(path)
    try:
        shutil.rmtree(hidden, dir_fd=parent)
    except OSError:
        if _n_entries(path) == before:
            os.rename(hidden, doomed.path.name, src_dir_fd=parent, dst_dir_fd=parent)
        raise


def _n_entries(path: Path) -> int:
    return sum(len(folders) + len(files) for _, folders, files in os.walk(path))


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="show what would go, and end")
    text = "also a run whose state cannot be told, if no process works on it"
    parser.add_argument("--broken", action="store_true", help=text)
    add_json_option(parser)
    add_root_option(parser)


def _remove(args: argparse.Namespace) -> int:
    paths = select_dirs(args.runs, args.root)
    doomed = find_doomed(paths, output_root(args.root), args.broken)
    ask = not (args.yes or args.dry_run)
    if ask and not sys.stdin.isatty():
        raise ConfigError("nobody can be asked whether to remove this", "--yes removes unasked.")
    if not args.json:
        _show(doomed)
    if ask and not _confirmed(doomed):
        remark("nothing was removed")
        return 1
    removed: list[Doomed] = []
    try:
        for one in doomed if not args.dry_run else []:
            remove(one)
            removed.append(one)
            if not args.json:
                say(f"removed {one.path.name}")
    finally:
        if args.json:  # what is gone is told, whatever became of the next one
            print_json([_record(one, one in removed) for one in doomed])
    return 0


def _show(doomed: Sequence[Doomed]) -> None:
    """What goes: a table."""
    from engine.tables.units import show_size

    rows = []
    for one in doomed:
        size = one.run.size_bytes
        shown = "" if size is None else show_size(size)
        rows.append([Cell(one.run.name, one.run.name), state_cell(one.run.state)])
        rows[-1] += [Cell(shown, size), Cell(str(one.path), str(one.path))]
    print_table(["name", "state", "size", "path"], rows)


def _confirmed(doomed: Sequence[Doomed]) -> bool:
    """Ask on standard error; anything but yes is no."""
    from engine.tables.units import show_size

    size = show_size(sum(one.run.size_bytes or 0 for one in doomed))
    what = plain(doomed[0].run.name) if len(doomed) == 1 else f"these {len(doomed)} runs"
    sys.stderr.write(f"Remove {what}, {size}, for good? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _record(one: Doomed, removed: bool) -> dict[str, object]:
    """What `--json` says of a run."""
    from engine.tables.record import head

    return head(one.run) | {"size": one.run.size_bytes, "removed": removed}


main = Command(
    name="remove",
    summary="Delete run directories, after asking.",
    add_arguments=_add_arguments,
    work=_remove,
    details="""\
Only a run directory below the output root is ever removed, and never that of a run that is
running, queued or held, nor one with anything in it that no training writes. Links in it are
removed, what they lead to is not; a run directory that is itself a link is refused. A run whose
state cannot be told needs --broken.

examples:
  engine remove last
  engine remove 'run_2025*' --dry-run
  engine remove run_20261101-140533_ae --yes
""",
)
