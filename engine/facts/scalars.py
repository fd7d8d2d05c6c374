"""`facts/scalars.csv`: one row an epoch and split, for spreadsheets and quick plots.

The column rule: the fixed columns first, then `metric_*` in the order in which they appeared. A
metric that appears later gets a new column at the end: the file is then rewritten beside itself
and renamed, with empty cells in the earlier rows, so columns never shift.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.facts.files import append_line, replace_file
from engine.facts.follow import ScalarsFollower
from engine.facts.parse import parse_cells
from engine.facts.run_dir import RunDir

COLUMNS = (
    "epoch",
    "split",
    "train_loss",
    "val_loss",
    "epoch_time_s",
    "throughput",
    "max_memory_mib",
)

_HEADER_BYTES = 1024
_EXACT = (str, int)


def append_scalars_csv(
    run_dir: str | os.PathLike[str],
    *,
    epoch: int,
    split: str,
    train_loss: float | None,
    val_loss: float | None,
    metrics: Mapping[str, float | None],
    epoch_time_s: float | None,
    throughput: float | None,
    max_memory_mib: float | None,
) -> None:
    """Append one row; NaN and infinities are written as `nan` and `inf`, None as an empty cell.

    Raises
    ------
    FactsError
        If the file cannot be written.
    """
    fixed = (epoch, split, train_loss, val_loss, epoch_time_s, throughput, max_memory_mib)
    values: dict[str, object] = dict(zip(COLUMNS, fixed, strict=True))
    values |= {_column(name): value for name, value in metrics.items()}
    path = RunDir(Path(run_dir)).scalars
    header = _read_header(path)
    missing = [name for name in values if name not in header]
    if missing:
        header += missing
        _rewrite_header(path, header)
    row = _csv_line([_cell(values.get(name)) for name in header])
    append_line(path, row, drop_torn=True)


def read_scalars(run_dir: str | os.PathLike[str]) -> list[dict[str, str]]:
    """All whole rows of a run's scalars; a torn last row, or a damaged one, is left out.

    Raises
    ------
    FactsError
        If this is no run directory or the file cannot be read.
    """
    return ScalarsFollower(run_dir).read_all()


def remove_scalars(run_dir: str | os.PathLike[str], gone: set[tuple[int, str]]) -> None:
    """Write the file again without the rows of these epochs and splits.

    For a run that goes on from before them: they will be written again.

    Raises
    ------
    FactsError
        If the file cannot be read or written.
    """
    path = RunDir(Path(run_dir)).scalars
    names = {(str(epoch), split) for epoch, split in gone}
    rows = [r for r in read_scalars(run_dir) if (r.get("epoch"), r.get("split")) not in names]
    _rewrite(path, _read_header(path), rows)


def _column(metric: str) -> str:
    """The column of a metric; a name must not end a line."""
    return f"metric_{metric}".replace("\r", " ").replace("\n", " ")


def _read_header(path: Path) -> list[str]:
    """The columns of the file; none for a file that is missing, or torn in its first line."""
    try:
        with open(path, "rb", buffering=_HEADER_BYTES) as handle:
            line = handle.readline()
    except FileNotFoundError:
        return []
    if not line.endswith(b"\n"):
        return []
    return parse_cells(line.removesuffix(b"\n"))


def _rewrite_header(path: Path, header: list[str]) -> None:
    """Give the file a longer header and every row an empty cell for each new column."""
    rows = read_scalars(path.parent.parent) if path.exists() else []
    _rewrite(path, header, rows)


def _rewrite(path: Path, header: list[str], rows: list[dict[str, str]]) -> None:
    lines = [header, *([row.get(name, "") for name in header] for row in rows)]
    text = "".join(_csv_line(line) + "\n" for line in lines)
    replace_file(path, lambda handle: handle.write(text.encode()))


def _csv_line(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()


def _cell(value: object) -> str:
    if type(value) is float:
        return repr(value)
    if value is None:
        return ""
    if isinstance(value, _EXACT):
        return str(value)
    # Scalars of torch and NumPy become plain ones first.
    return repr(float(value.tolist() if hasattr(value, "tolist") else value))  # type: ignore[arg-type]
