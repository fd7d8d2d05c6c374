"""What a job trains with, as it was when it was submitted: a copy of the config files.

There is one copy for each content, below the output root, by the digest of which it is named. So
jobs that are submitted with the same files have one in common.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.errors import LaunchError
from engine.facts.files import as_facts_error
from engine.facts.provenance import commit_of_code
from engine.launch.job import JobHandle
from engine.packaged import packaged

FOLDER = ".configs"
"""In the output root; by its name no run, nor sweep, is looked for in it."""

_Files = dict[str, bytes]


def as_submitted(config_dirs: Sequence[Path], directory: Path) -> dict[str, Any]:
    """The entries of a record that tell what a job trains with: its configs, which are kept.

    Parameters
    ----------
    config_dirs
        Further folders with config groups.
    directory
        That of the run or the sweep.

    Raises
    ------
    FactsError
        If the files cannot be read, or no copy can be written.
    """
    files = _read([packaged("configs"), *config_dirs])
    digest = _digest(files)
    copy = _output_root(directory) / FOLDER / digest
    if not copy.is_dir():
        with as_facts_error(copy):
            _write(copy, files)
    return {"configs": os.fspath(copy), "git_commit": commit_of_code()}


def kept_configs(job: JobHandle) -> list[Path]:
    """The folders that a job composes its config from, ours first; none for those of today.

    Raises
    ------
    LaunchError
        If its copy is gone, or is another one by now.
    """
    if job.configs is None:
        return []
    copy = Path(job.configs)
    anew = f"{job.command}   submits it anew." if job.command else ""
    if not copy.is_dir():
        raise LaunchError(f"{copy} is gone: the configs that {job.name} was submitted with", anew)
    folders = sorted(copy.iterdir())
    if _digest(_read(folders)) != copy.name:
        changed = f"{copy} was changed: it has the configs that {job.name} was submitted with"
        raise LaunchError(changed, anew)
    return folders


def _output_root(directory: Path) -> Path:
    """The folder with `runs/` and `multiruns/`; else the one that a directory lies in."""
    folder = directory.parent
    return folder.parent if folder.name in ("runs", "multiruns") else folder


def _read(folders: Sequence[Path]) -> _Files:
    """All config files in some folders, by the number of the folder and the path in it."""
    files: _Files = {}
    for number, folder in enumerate(folders):
        files[f"{number}"] = b""  # of an empty one, too
        for path in _config_files(folder):
            with as_facts_error(path, "read"):
                files[f"{number}/{path.relative_to(folder)}"] = path.read_bytes()
    return files


def _config_files(folder: Path) -> Iterator[Path]:
    """What Hydra finds there; what is hidden, as the copies here are, is no group of anybody's."""
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(place, name) for name in names if name.endswith((".yaml", ".yml")))
        yield from (path for path in paths if path.is_file())


def _digest(files: _Files) -> str:
    known = hashlib.sha256()
    for name, data in sorted(files.items()):
        known.update(f"{name}\0{len(data)}\0".encode("utf-8", "surrogateescape"))
        known.update(data)
    return known.hexdigest()[:32]


def _write(copy: Path, files: _Files) -> None:
    """Write a copy, whole or not at all; another process may do the same."""
    beside = copy.with_name(f".{copy.name}.{os.urandom(8).hex()}.tmp")
    try:
        for name, data in files.items():
            path = beside / name
            if "/" not in name:
                path.mkdir(parents=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        os.rename(beside, copy)
    except BaseException as error:
        shutil.rmtree(beside, ignore_errors=True)
        if not (isinstance(error, OSError) and copy.is_dir()):
            raise
