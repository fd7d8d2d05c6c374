"""The config that lies in a run directory, for a run whose events tell none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from engine.errors import FactsError
from engine.facts.files import as_facts_error, open_own
from engine.facts.run_dir import RunDir
from engine.library.flat import flatten

MOST_BYTES = 1 << 18
DEEPEST = 50


def saved_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """`.hydra/config.yaml` of a run, flat; empty where there is none. Nothing in it is executed.

    Raises
    ------
    FactsError
        If it is there and cannot be read.
    """
    import yaml

    file = RunDir(Path(path)).hydra / "config.yaml"
    text = _read(file)
    if text is None:
        return {}
    try:
        _check(file, text)
        config = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FactsError(f"{file} is no config that can be read") from error
    if not isinstance(config, dict):
        raise FactsError(f"{file} holds no settings")
    return {str(key): value for key, value in flatten(_with_texts(config)).items()}


def _check(file: Path, text: str) -> None:
    """Refuse what would grow without end, or take as long, before anything is built of it."""
    import yaml

    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise FactsError(f"{file} refers to itself, which a config does not")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise FactsError(f"{file} lies too deep within itself for a config")


def _read(file: Path) -> str | None:
    with as_facts_error(file, "read"):
        try:
            handle = open_own(file, in_folder=True)
        except FileNotFoundError:
            return None
        with open(handle, "rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise FactsError(f"{file} is too large for a config")
    return data.decode("utf-8", "replace")


def _with_texts(config: dict[Any, Any]) -> dict[str, Any]:
    """The same with texts for keys, which YAML allows to be anything."""
    return {
        str(key): _with_texts(value) if isinstance(value, dict) else value
        for key, value in config.items()
    }
