"""What a file of collision events has, against what the config says of it; no event is read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from engine.data.fields import SPLITS
from engine.errors import DataError


class Split(NamedTuple):
    """One split of a file."""

    name: str
    dataset: str
    events: int
    """How many are trained on: at most `data.limit_samples`."""
    events_in_file: int
    columns: int
    has_labels: bool


@dataclass(frozen=True)
class Misfit:
    """Something about the file that the config does not fit."""

    key: str
    error: DataError


@dataclass(frozen=True)
class FileShape:
    """The splits that are as the config says, and what is wrong with the others."""

    splits: list[Split]
    misfits: list[Misfit]


def file_shape(data: Any) -> FileShape:
    """The shape of the file that `cfg.data` of `source: h5` names.

    Nothing about the file is an error: it is a misfit.
    """
    path = Path(data.path).expanduser()
    try:
        with open_file(path) as file:
            splits = [_split(file, path, name, data) for name in SPLITS]
    except DataError as error:
        return FileShape([], [Misfit("data.file", error)])
    good = [split for split in splits if isinstance(split, Split)]
    return FileShape(good, [split for split in splits if isinstance(split, Misfit)])


def column_problems(data: Any) -> list[str]:
    """One sentence for each range of columns that does not span what belongs there."""
    wanted = {
        "ids": data.n_tokens,
        "globals": len(data.global_features),
        "tokens": data.n_tokens * len(data.features),
    }
    return [
        f"data.columns.{key}={list(data.columns[key])}: must span {width} columns "
        f"within the {data.columns.total} of data.columns.total"
        for key, width in wanted.items()
        if not _spans(data.columns[key], width, data.columns.total)
    ]


def open_file(path: Path) -> h5py.File:
    """The file, opened for reading.

    Raises
    ------
    DataError
        If it is not there, or cannot be read.
    """
    if not path.exists():
        raise DataError(
            f"there is no data file {path}",
            "Set data.file=NAME, data.path=FILE, env.data_root=FOLDER or THESIS_DATA_ROOT.",
        )
    if path.is_dir():
        raise DataError(f"the data file {path} is a folder", "Set data.file=NAME.")
    try:
        return h5py.File(path, "r")
    except BlockingIOError as error:
        raise DataError(f"another program is writing the data file {path}") from error
    except OSError as error:
        if isinstance(error, PermissionError) or not os.access(path, os.R_OK):
            raise DataError(f"the data file {path} may not be read by you") from error
        kind = "truncated" if "truncated" in str(error) else "not an HDF5 file, or damaged"
        raise DataError(f"the data file {path} is {kind} ({error})", "Copy it again.") from error


def find_table(file: h5py.File, path: Path, name: str, columns: int) -> h5py.Dataset:
    """The dataset `name`, of shape [N, columns] with N > 0.

    Raises
    ------
    DataError
        If there is none, or it has another shape.
    """
    if name not in file:
        raise DataError(
            f"{path} has no dataset {name}; it has {', '.join(file) or 'none'}",
            "Name the datasets in data.datasets.events.",
        )
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise DataError(f"{name} in {path} is a group, not a dataset")
    if dataset.ndim != 2 or dataset.shape[1] != columns or dataset.shape[0] == 0:
        shape = " x ".join(map(str, dataset.shape))
        raise DataError(
            f"{name} in {path} is {shape}, not N x {columns} with N > 0",
            "Describe the columns in data.columns, or choose another file.",
        )
    return dataset


def find_labels(file: h5py.File, path: Path, name: str | None, n_events: int) -> Any:
    """The dataset with a class for each of `n_events` events; None where the file has no classes.

    Raises
    ------
    DataError
        If it has not one label an event.
    """
    if not name or name not in file:
        return None
    labels = file[name]
    if not isinstance(labels, h5py.Dataset) or labels.ndim != 1 or len(labels) < n_events:
        raise DataError(f"{name} in {path} is not one label for each of {n_events} events")
    return labels


def _split(file: h5py.File, path: Path, name: str, data: Any) -> Split | Misfit:
    dataset = data.datasets.events[name]
    try:
        table = find_table(file, path, dataset, data.columns.total)
    except DataError as error:
        is_there = isinstance(file.get(dataset), h5py.Dataset)
        return Misfit("data.columns.total" if is_there else f"data.datasets.events.{name}", error)
    n_events, columns = table.shape
    n_taken = min(n_events, data.limit_samples or n_events)
    try:
        labels = find_labels(file, path, data.datasets.labels[name], n_taken)
    except DataError as error:
        return Misfit(f"data.datasets.labels.{name}", error)
    return Split(name, dataset, n_taken, n_events, columns, labels is not None)


def _spans(columns: Any, width: int, total: int) -> bool:
    return len(columns) == 2 and columns[0] >= 0 and columns[0] + width == columns[1] <= total
