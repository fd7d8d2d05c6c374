"""What the tests share: a folder of their own, and a tiny training through the real command."""

from __future__ import annotations

import functools
import gc
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import omegaconf._utils
import omegaconf.base
import pytest
from _pytest.mark import ParameterSet
from hydra._internal import defaults_list
from hydra.core.default_element import InputDefault
from omegaconf import DictConfig, grammar_parser

# Two processes share two cores; torch reads this when it is first imported, here and in children.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from engine.cli import COMMANDS
from engine.cli.train import main
from engine.facts import RunDir

# A command takes names of other modules when it is first imported, which must not be while a test
# has replaced one of them.
for _module, _, _ in COMMANDS.values():
    importlib.import_module(_module)

# Configs are composed thousands of times from the same few references: the trees of their grammar
# are kept, and what a reference in a list of defaults may name is gathered where there is one.
_parse = functools.lru_cache(maxsize=4096)(grammar_parser.parse)
for _reader in (omegaconf.base, omegaconf._utils):
    _reader.parse = _parse  # type: ignore[attr-defined]
_gather_choices = defaults_list._create_interpolation_map


def _choices_for_references(overrides: Any, defaults: list[InputDefault], self_added: bool) -> Any:
    if any(default.is_interpolation() for default in defaults):
        return _gather_choices(overrides, defaults, self_added)
    return DictConfig({})


defaults_list._create_interpolation_map = _choices_for_references

TINY = [
    "data.limit_samples=256",
    "phase1.trainer.epochs=2",
    "logging.make_plots=false",
    "logging.dpi=30",
    "device=cpu",
]
"""Overrides of a training that takes a fraction of a second."""


def pytest_collection_finish() -> None:
    """What has been imported stays: the collector of garbage need not go through it again.

    Nor need it look as often: config and screens are many small objects that stay for a while.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def long_form(*values: object) -> list[ParameterSet]:
    """Further values of a parameter, or of several as tuples, which `make test-long` tries."""
    together = [value if isinstance(value, tuple) else (value,) for value in values]
    return [pytest.param(*one, marks=pytest.mark.slow) for one in together]


@dataclass
class Outcome:
    """What a call of the command left."""

    code: int
    runs: list[RunDir]

    @property
    def run(self) -> RunDir:
        """The only run."""
        (run,) = self.runs
        return run


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every test starts in an empty folder, without the developer's settings.

    What a training imports from it is forgotten with it.
    """
    for name in ("THESIS_DATA_ROOT", "THESIS_OUTPUT_ROOT", "HYDRA_FULL_ERROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield folder
    for name in sys.modules.keys() - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(f"{folder}{os.sep}"):
            del sys.modules[name]


@pytest.fixture
def thesis_train(own_folder: Path) -> Callable[..., Outcome]:
    """Runs `thesis-train` in this process on a tiny training; further overrides win."""

    def run(*words: str) -> Outcome:
        given = {word.split("=")[0].lstrip("+") for word in words}
        defaults = [word for word in TINY if word.split("=")[0] not in given]
        root = own_folder / "outputs" / "runs"
        before = set(root.iterdir()) if root.is_dir() else set()
        code = main([*defaults, *words])
        after = set(root.iterdir()) if root.is_dir() else set()
        return Outcome(code, [RunDir(path) for path in sorted(after - before)])

    return run
