"""What `engine submit` and `engine check` say about jobs before there are any."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import engine

ANSWER_S = 5.0
"""How long a scheduler may take to say that it is there."""

if TYPE_CHECKING:
    from engine.launch.resources import Resources
    from engine.preflight.check import Report


def places_of(cfg: Any = None) -> dict[str, Path]:
    """What nodes have to see besides the run directory."""
    places = {
        "the interpreter": Path(sys.executable),
        "the package": Path(engine.__file__).parent,
        "this folder": Path.cwd(),
    }
    path = cfg.data.get("path") if cfg is not None and "data" in cfg else None
    return places | ({"the data": Path(str(path))} if path else {})


def job_remarks(
    overrides: Sequence[str], config_dirs: Sequence[Path], report: Report
) -> tuple[list[str], list[str]]:
    """What each job of a command line asks for, and what looks wrong with it.

    Nothing where the command line chooses no cluster.
    """
    from engine.config.composer import Composer
    from engine.config.launcher import wanted_launcher
    from engine.launch.condor.check import findings
    from engine.launch.job import HTCONDOR
    from engine.launch.resources import Resources

    launcher = wanted_launcher(Composer(config_dirs), overrides)
    if launcher.target != HTCONDOR:
        return [], []
    resources = Resources.from_entries(launcher.resources)
    known = [report.training_s(point) for point in report.points]
    longest = max((one for one in known if one is not None), default=None)
    cfg = report.points[0].cfg if report.points else None
    output = Path(str(cfg.env.output_root)) if cfg is not None else Path.cwd()
    found = findings(places_of(cfg), output.absolute(), resources, longest)
    return asked_for(resources), found + pool_warnings(resources)


def pool_warnings(resources: Resources) -> list[str]:
    """That HTCondor does not answer, or that no node would take such a job.

    Raises
    ------
    ConfigError
        If its requirements are no expression.
    """
    from engine.launch.condor.client import Condor, CouldNotAsk
    from engine.launch.condor.why import misfit

    with Condor(resources.schedd, {"ping": ANSWER_S}) as condor:
        try:
            condor.ping()
        except CouldNotAsk as error:
            return [error.in_a_line]
        unfit = misfit(resources, condor)
        return [unfit] if unfit else []


def asked_for(resources: Resources) -> list[str]:
    """What a job asks for, in words."""
    asked = {
        "CPUs": resources.cpus,
        "GPUs": resources.gpus,
        "memory": resources.memory,
        "disk": resources.disk,
        "category": resources.category,
        "os": resources.os,
        "requirements": resources.requirements,
    }
    return [f"{name} {value}" for name, value in asked.items() if value]


def past_suggestions(report: Report) -> list[str]:
    """What past runs say that a job should ask for instead, a sentence each."""
    from omegaconf import OmegaConf

    from engine.launch.suggest import suggestions
    from engine.library.flat import flatten
    from engine.library.index import Index

    cfg = report.points[0].cfg if report.points else None
    root = str(cfg.env.output_root) if cfg is not None else ""
    if cfg is None or not Path(root).is_dir():
        return []
    # As facts have a config: with texts for keys.
    settings = flatten(json.loads(json.dumps(OmegaConf.to_container(cfg, resolve=True))))
    epoch_s = report.models[0].epoch_s if report.models else None
    found = suggestions(Index(root).refresh(), settings, epoch_s)
    wanted = {key: one for key, one in found.items() if one.is_new(settings.get(key))}
    return [f"{key}: {one.sentence}" for key, one in wanted.items()]
