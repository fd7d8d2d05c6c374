"""A command line of the training, run through Hydra."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.hydra import Hydra
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from engine.config import draft
from engine.config.cluster_launcher import register_launcher
from engine.config.compose import (
    COMPOSE_ERRORS,
    EXPERIMENT_GROUP,
    PRIMARY,
    dotted_loops,
    register_loops,
    register_resolvers,
    search_path,
)
from engine.config.composer import Composer
from engine.config.help import help_text
from engine.config.launcher import with_cluster
from engine.config.paths import config_dir
from engine.config.problems import find_problems, flag_problem
from engine.config.schema import value_problems
from engine.config.sweep_problems import sweep_problems
from engine.config.sweeper import STOP, register_sweeper
from engine.errors import ConfigError

_FLAGS_WITH_VALUE = {
    *("--cfg", "-c", "--package", "-p", "--experimental-rerun"),
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
}
_CONFIG_DIR = {"--config-dir", "-cd"}

_INFO_KINDS = {"all", "config", "defaults", "defaults-tree", "plugins", "searchpath"}
"""What may follow `--info`, or be left out."""


def run_command(
    program: str, argv: Sequence[str], task: Callable[[DictConfig], Any], loops: Sequence[str]
) -> None:
    """Run `task` with the config, or each config of a sweep, that the command line asks for.

    All that Hydra offers works: `--help`, `--cfg`, `--info`, `--shell-completion`, `--multirun`.

    Parameters
    ----------
    program
        Name of the command, for completion.
    argv
        Its arguments.
    task
        Called with each config.
    loops
        The loops known without a config of their own.

    Raises
    ------
    ConfigError
        If the command line asks for something that is not there; names every problem.
    """
    argv = _flags_first(with_cluster(experiment_as_group(argv)))
    register_resolvers()
    register_sweeper()
    register_launcher()
    unknown = _unknown_flags(argv)
    if unknown:
        raise ConfigError.from_problems([flag_problem(flag) for flag in unknown])
    register_loops([*loops, *dotted_loops(argv)], _parse(argv)[1])
    folders = [word for word in argv if word.partition("=")[0] in _CONFIG_DIR]
    if len(folders) > 1:  # Hydra takes the last one, and says nothing
        raise ConfigError(f"{folders[1]}: only one such folder can be given")
    decorate = hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=PRIMARY)
    try:
        if not {"--help", "-h"}.isdisjoint(argv):
            print(_help(program, argv))
            return
        if not {"--multirun", "-m"}.isdisjoint(argv):
            _check_sweep(argv)
        with _hydra_process(program, argv):
            args, places = _parse(argv)
            if _only_trains(args):
                _train(args, places, task)
            else:
                decorate(task)()
    except COMPOSE_ERRORS as error:
        raise _as_config_error(argv, error) from error


def _only_trains(args: Any) -> bool:
    """Whether a command line names overrides, a folder of configs and `--multirun` at most."""
    allowed = {"overrides", "config_dir", "multirun", "run"}
    others = {name: value for name, value in vars(args).items() if name not in allowed}
    return not any(others.values()) and (args.config_dir is None or os.path.isdir(args.config_dir))


def _train(args: Any, folders: Sequence[Path], task: Callable[[DictConfig], None]) -> None:
    """What `hydra.main` does then, in half the time: it composes twice, and reads files anew."""
    words = list(args.overrides)
    wanted: dict[str, Any] = {"config_name": PRIMARY, "task_function": task}
    with search_path(folders):
        process: Any = GlobalHydra.instance().hydra
        if args.multirun:
            process.multirun(overrides=[*words, "hydra.mode=MULTIRUN"], **wanted)
            return
        asked: dict[str, Any] = {"run_mode": RunMode.RUN, "with_log_configuration": True}
        cfg = process.compose_config(PRIMARY, words, **asked, validate_sweep_overrides=False)
        if cfg.hydra.mode == RunMode.MULTIRUN:
            process.multirun(overrides=words, **wanted)
        elif any(Composer(folders).parse(word).is_sweep_override() for word in words):
            process.run(overrides=words, **wanted)  # says what is wrong with that
        else:
            _Composed(process, cfg).run(overrides=words, **wanted)


class _Composed(Hydra):
    """Hydra with a config that it has composed already."""

    def __init__(self, process: Hydra, cfg: DictConfig) -> None:
        self.config_loader, self._cfg = process.config_loader, cfg

    def compose_config(self, *args: Any, **kwargs: Any) -> DictConfig:
        """That config."""
        return self._cfg


def _help(program: str, argv: Sequence[str]) -> str:
    args, folders = _parse(argv)
    return help_text("engine train" if program == "engine" else program, args.overrides, folders)


def _parse(argv: Sequence[str]) -> tuple[Any, list[Path]]:
    """The command line as Hydra reads it, and the user's folders of config groups."""
    args = get_args_parser().parse_args(list(argv))
    return args, [Path(args.config_dir)] if args.config_dir else []


def _check_sweep(argv: Sequence[str]) -> None:
    """Refuse a sweep before its first run if anything is wrong with one of them."""
    args, folders = _parse(argv)
    if args.config_name is None and args.config_path is None:
        problems = sweep_problems(Composer(folders), args.overrides)
        if problems:
            problems = [*_missing_folders(folders), *problems]
            raise ConfigError.from_problems(problems)


def check_values(cfg: DictConfig) -> None:
    """Raise a `ConfigError` that lists every value which cannot be what it is."""
    problems = value_problems(cfg)
    if problems:
        raise ConfigError.from_problems(problems)


def experiment_as_group(argv: Sequence[str]) -> list[str]:
    """`--config-name=phase1/experiment/X` as `phase1/experiment=X`, which means the same here.

    An experiment changes the default config, so it can only be an option of a group; the other
    form is what people know from configs that stand alone.
    """
    words = list(argv)
    for i, word in enumerate(words):
        flag, _, value = word.partition("=")
        if flag not in ("--config-name", "-cn"):
            continue
        taken = 1 if value else 2
        value = value or "".join(words[i + 1 : i + 2])
        name = value.removesuffix(".yaml")
        if name.startswith(f"{EXPERIMENT_GROUP}/"):
            option = name.removeprefix(f"{EXPERIMENT_GROUP}/")
            words[i : i + taken] = [f"{EXPERIMENT_GROUP}={option}"]
    return words


def experiment_of(config_name: str | None) -> list[str]:
    """The override that `--config-name` stands for where it can only be an experiment.

    Raises
    ------
    ConfigError
        If it is none.
    """
    if config_name is None:
        return []
    (word, *others) = experiment_as_group([f"--config-name={config_name}"])
    if word.startswith("-") or others:
        raise ConfigError(f"--config-name {config_name}: must be {EXPERIMENT_GROUP}/NAME")
    return [word]


def _flags_first(argv: Sequence[str]) -> list[str]:
    """The words with all overrides last: Hydra's parser takes flags between them for an error."""
    flags: list[str] = []
    overrides: list[str] = []
    words = iter(argv)
    for word in words:
        if word in _FLAGS_WITH_VALUE:
            flags += [word, *itertools.islice(words, 1)]
        elif word in _INFO_KINDS:
            flags.append(word)
        else:
            (flags if word.startswith("-") else overrides).append(word)
    return flags + overrides


def _unknown_flags(argv: Sequence[str]) -> list[str]:
    """The words that look like flags and are none of Hydra's."""
    known = {word for action in get_args_parser()._actions for word in action.option_strings}
    return [word for word in argv if word.startswith("-") and word.partition("=")[0] not in known]


def run_settings() -> tuple[Path, dict[str, str], str | None]:
    """Of the run in progress: the directory asked for, the texts of `.hydra/`, its job number."""
    settings = HydraConfig.get()
    overrides = settings.overrides.task
    texts = {
        "overrides.yaml": OmegaConf.to_yaml(overrides),
        "hydra.yaml": OmegaConf.to_yaml(OmegaConf.create({"hydra": settings})),
    }
    return Path(settings.runtime.output_dir), texts, run_number()


def run_number() -> str | None:
    """The number of the run in progress in its sweep; None for a single one."""
    job = OmegaConf.create({"job": HydraConfig.get().job})
    number = OmegaConf.select(job, "job.num", throw_on_missing=False)
    return None if number is None else str(number)


def overrides_of_run() -> list[str]:
    """The overrides of the run in progress, without Hydra's own."""
    return list(HydraConfig.get().overrides.task)


def has_fixed_directory() -> bool:
    """Whether the command names the directory of its run, so that it names the same one again."""
    words = HydraConfig.get().overrides.hydra
    return any(word.startswith(("hydra.run.dir=", "hydra.sweep.")) for word in words)


def is_sweep() -> bool:
    """Whether the run in progress is one of several."""
    return HydraConfig.get().mode == RunMode.MULTIRUN


def sweep_stop() -> Path | None:
    """Of a run of a sweep the file that ends the sweep once it exists; None for a single run."""
    return Path(HydraConfig.get().sweep.dir) / STOP if is_sweep() else None


def directory_override(key: str, path: Path) -> str:
    """The override that sets a directory of Hydra's, whatever characters its name has."""
    return f"{key}={draft.literal(str(path))}"


@contextlib.contextmanager
def _hydra_process(program: str, argv: Sequence[str]) -> Iterator[None]:
    """`sys.argv` as Hydra reads it, and exceptions let through instead of printed and lost."""
    saved_argv, saved_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = [program, *argv]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = saved_argv
        if saved_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = saved_error


def _as_config_error(argv: Sequence[str], error: Exception) -> ConfigError:
    """Every problem of the command line; Hydra's own words where we find none."""
    args, folders = _parse(argv)
    if args.config_name is None and args.config_path is None:
        problems = find_problems(args.overrides, folders, sweep=args.multirun)
        problems = [*_missing_folders(folders), *problems]
        if problems:
            return ConfigError.from_problems(problems)
    return ConfigError(str(error).strip().split("\n\n")[0])


def _missing_folders(folders: Sequence[Path]) -> list[str]:
    """A sentence for a folder of `--config-dir` that is not there: with it, options are missing."""
    return [f"--config-dir {one}: there is no such folder" for one in folders if not one.is_dir()]
