"""Decides which figures are due at a moment of a run, draws them and writes them.

A failed plot never stops a run. Importing this module loads neither numpy nor matplotlib:
a family is imported when its first figure is due.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FAMILIES = {
    "losses": "engine.monitoring.families.losses",
    "metrics": "engine.monitoring.families.metrics",
    "recon": "engine.monitoring.families.recon",
    "codebook": "engine.monitoring.families.codebook",
    "adversarial": "engine.monitoring.families.adversarial",
    "diffusion": "engine.monitoring.families.diffusion",
    "latency": "engine.monitoring.families.latency",
    "evaluation": "engine.monitoring.families.evaluation",
}
DEFAULT_MOMENTS = ("on_epoch_end", "on_train_end", "on_test_end")
OF_THE_TEST = frozenset({"evaluation"})
"""Families drawn at `on_test_end` and at no other moment; the others are never drawn there."""

logger = logging.getLogger("engine.monitoring")


def due_families(
    logging_cfg: Mapping[str, Any],
    supported_families: Iterable[str],
    moment: str,
    epoch: int | None,
) -> list[str]:
    """Names of the plot families to draw now, in the order of `FAMILIES`.

    Parameters
    ----------
    logging_cfg
        The `logging` group of the config (a DictConfig or a dict).
    supported_families
        The families the loop has data for.
    moment
        The kind of the event, for example `on_epoch_end`.
    epoch
        Epoch counted from 0. At `on_epoch_end` only every `figure_every_epochs`-th one is due:
        with 5, epochs 4, 9, 14 ...; with 0, none. An unknown epoch (None) is not due there.
    """
    if not (logging_cfg.get("make_plots", True) and logging_cfg.get("save_artifacts", True)):
        return []
    if moment not in (logging_cfg.get("moments", DEFAULT_MOMENTS) or ()):
        return []
    if moment == "on_epoch_end" and not _epoch_is_due(logging_cfg, epoch):
        return []
    switches = logging_cfg.get("families") or {}
    supported = set(supported_families)
    return [
        name
        for name in FAMILIES
        if (name in OF_THE_TEST) == (moment == "on_test_end")
        and name in supported
        and _is_enabled(switches.get(name))
    ]


def handle_event(
    logging_cfg: Mapping[str, Any],
    supported_families: Iterable[str],
    moment: str,
    payload: Mapping[str, Any],
) -> list[Path]:
    """Draw every family due at `moment` and return the paths of the figures written.

    Each goes to `{run_dir}/figures/{family}-{moment}-e{epoch:03d}.{fig_format}`, in one piece.
    A family without the data it needs is left out; one that fails is logged and left out.

    Parameters
    ----------
    logging_cfg, supported_families, moment
        As for `due_families`; `fig_format` and `dpi` say how a figure is written.
    payload
        The event: `run_dir`, `epoch`, `histories` (name -> one value per epoch, None for a gap)
        and, for some families, `figure_data` (see the family modules).
    """
    epoch = _epoch_of(payload)
    fig_format = str(logging_cfg.get("fig_format", "png"))
    dpi = float(logging_cfg.get("dpi", 150))
    written = []
    for family in due_families(logging_cfg, supported_families, moment, epoch):
        name = f"{family}-{moment}-e{epoch:03d}.{fig_format}"
        try:
            path = _draw(family, payload, name, fig_format, dpi)
        # Everything, because a picture is worth less than the training it shows: a family may
        # meet data nobody thought of, a full disk, or a machine without matplotlib.
        except Exception as error:
            logger.warning("no %s figure at %s: %s", family, moment, _one_line(error))
            logger.debug("traceback of the %s figure", family, exc_info=True)
            continue
        if path is not None:
            written.append(path)
    return written


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _epoch_is_due(logging_cfg: Mapping[str, Any], epoch: int | None) -> bool:
    every = int(logging_cfg.get("figure_every_epochs", 10))
    return epoch is not None and every > 0 and (epoch + 1) % every == 0


def _is_enabled(switch: Any) -> bool:
    """Whether a family is on: `{enabled: true}`, or plain `true`; a family not named is off."""
    if switch is None or isinstance(switch, bool):
        return bool(switch)
    return bool(switch.get("enabled", False))


def _epoch_of(payload: Mapping[str, Any]) -> int:
    """Find the epoch of an event: its own, or the last of its histories (0 where none is)."""
    epoch = payload.get("epoch")
    if epoch is not None:
        return int(epoch)
    losses = (payload.get("histories") or {}).get("train_loss")
    return max(0, len(losses if losses is not None else ()) - 1)


def _draw(
    family: str, payload: Mapping[str, Any], name: str, fig_format: str, dpi: float
) -> Path | None:
    """Draw one family and write it beside, then rename: a reader never sees half a figure."""
    style = importlib.import_module("engine.monitoring.style")
    module = importlib.import_module(FAMILIES[family])
    with style.context():
        figure = module.draw(payload)
        if figure is None:
            return None
        path = Path(payload["run_dir"]) / "figures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{name}.{os.getpid()}")
        try:
            figure.savefig(temporary, format=fig_format, dpi=dpi)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return path
