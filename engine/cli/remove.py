"""The command `engine remove`: delete run directories, and nothing else."""

from __future__ import annotations

import argparse
import os
import secrets
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
from engine.cli.select import add_root_option, add_run_argument, output_root, select_dirs
from engine.errors import ConfigError, FactsError
from engine.facts.text import plain

if TYPE_CHECKING:
    from engine.library.summary import RunSummary

ALIVE = ("queued", "held", "running")
"""States of a run that somebody, or a scheduler, still works on."""


@dataclass(frozen=True)
class Doomed:
    """A run directory that may be removed."""

    path: Path
    """Without any link in it."""
    identity: tuple[int, int]
    """Device and inode of the directory that was looked at."""
    run: RunSummary


def find_doomed(paths: Sequence[Path], root: Path) -> list[Doomed]:
    """Look at all the directories before any is removed.

    Raises
    ------
    ConfigError
        If one is no run directory strictly below `root`, is itself a link, holds other runs, or
        belongs to a run that is not over.
    """
    return [_doomed(path, root) for path in paths]


def _doomed(path: Path, root: Path) -> Doomed:
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
    doubt = _doubt(real, real.relative_to(real_root))
    if doubt:
        raise ConfigError(f"{path} is not removed: {doubt}")
    run = summarise(real)
    _refuse_alive(run)
    return Doomed(real, (status.st_dev, status.st_ino), run)


def _doubt(path: Path, below_root: Path) -> str | None:
    """Why a directory may be something else than one run; None if it is one.

    Other folders can have one named `facts`, or a `launch.json`, too: a Python package, or the
    settings of an editor.
    """
    from engine.facts.run_dir import RunDir
    from engine.library.find import look_at

    if look_at(str(path)) is None or any(part.startswith(".") for part in below_root.parts):
        return "it is no run directory"
    run_dir = RunDir(path)
    known = {run_dir.events.name, run_dir.scalars.name}
    try:
        names = os.listdir(run_dir.facts)
    except FileNotFoundError:
        return None if _is_launch_record(run_dir.launch) else "launch.json is not that of a run"
    except OSError as error:
        return f"facts/ cannot be read: {error.strerror}"
    strange = sorted(name for name in names if name not in known and not name.startswith("."))
    if strange:
        return f"facts/{strange[0]} is no file of a run"
    inner = _run_inside(path)
    return f"it holds another run, {inner}" if inner else None


def _is_launch_record(path: Path) -> bool:
    from engine.facts.records import read_record

    try:
        record = read_record(path) or {}
    except FactsError:
        return False
    return "run_id" in record or "command" in record


def _refuse_alive(run: RunSummary) -> None:
    if run.state in ALIVE:
        raise ConfigError(
            f"{run.name} is {run.state} and not removed: {run.sentence}",
            f"engine stop {run.name} ends it first; engine kill {run.name} if it does not listen.",
        )


def _run_inside(path: Path) -> Path | None:
    """A run directory inside of another directory, if there is one; links are not followed."""
    from engine.library.find import look_at

    folders = (Path(folder, name) for folder, names, _ in os.walk(path) for name in names)
    return next((inner for inner in folders if look_at(str(inner))), None)


def remove(doomed: Doomed) -> None:
    """Delete a run directory; links in it are deleted, what they lead to is not touched.

    It first gets a name that begins with a dot: a run that is removed by half is never listed.

    Raises
    ------
    ConfigError
        If another directory has taken its place, or its run has begun again.
    FactsError
        If it cannot be deleted.
    """
    from engine.library.index import summarise

    _refuse_alive(summarise(doomed.path))
    hidden = f".removed-{secrets.token_hex(8)}"
    try:
        # All by names in one open folder: no link can be put into the path meanwhile.
        parent = os.open(doomed.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _hide(parent, doomed, hidden)
            shutil.rmtree(hidden, dir_fd=parent)
        finally:
            os.close(parent)
    except OSError as error:
        raise FactsError(
            f"cannot remove {doomed.path}: {error.strerror or error}",
            f"What is left of it, if anything, may be named {hidden}.",
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


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="show what would go, and end")
    add_json_option(parser)
    add_root_option(parser)


def _remove(args: argparse.Namespace) -> int:
    doomed = find_doomed(select_dirs(args.runs, args.root), output_root(args.root))
    ask = not (args.yes or args.dry_run)
    if ask and not sys.stdin.isatty():
        raise ConfigError("nobody can be asked whether to remove this", "--yes removes unasked.")
    if not args.json:
        _show(doomed)
    if ask and not _confirmed(doomed):
        remark("nothing was removed")
        return 1
    removed = []
    for one in doomed if not args.dry_run else []:
        remove(one)
        removed.append(one)
        if not args.json:
            say(f"removed {one.path.name}")
    if args.json:
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
    return {
        "name": one.run.name,
        "path": str(one.path),
        "state": one.run.state,
        "size_bytes": one.run.size_bytes,
        "removed": removed,
    }


main = Command(
    name="remove",
    summary="Delete run directories, after asking.",
    add_arguments=_add_arguments,
    work=_remove,
    details="""\
Only a run directory below the output root is ever removed, and never that of a run that is
running, queued or held. Links in it are removed, what they lead to is not; a run directory that
is itself a link is refused.

examples:
  engine remove last
  engine remove 'run_2025*' --dry-run
  engine remove run_20261101-140533_ae --yes
""",
)
