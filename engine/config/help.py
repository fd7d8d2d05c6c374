"""The help of the training command: groups with their options, and the config they compose to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import OmegaConf

from engine.config.compose import compose
from engine.config.paths import config_dir

_USAGE = """\
Train an autoencoder on collision events (or any other loop), and keep a record of it.

{program} [--multirun] [group=option | key.path=value]...

  {program}                                             the default autoencoder on the sample
  {program} phase1/latent_space=vq phase1.trainer.epochs=20
  {program} --multirun phase1/latent_space=none,linear,vq
  {program} phase1/experiment=compare_vq_vs_none
  {program} loop=test_mlp
  {program} resume=outputs/runs/run_20261103-140953_ae    goes on with a run, in its directory

Flags
  -m, --multirun        train once for each value of key=a,b
  -c, --cfg job         print the config instead of training (hydra, all: Hydra's own part too)
  -p, --package KEY     with --cfg: only this part;   --resolve: with values filled in
  -cd, --config-dir D   further config groups of your own
  -cn, --config-name N  phase1/experiment/X is the same as phase1/experiment=X
  -i, --info            where the config comes from;  --hydra-help: all that Hydra offers
  --debug               show the traceback of an error

Tab completion: eval "$({program} --shell-completion install=bash)"   (or zsh, fish)
Guide: docs/TRAINING_GUIDE.md
"""


def help_text(program: str, overrides: Sequence[str], config_dirs: Sequence[Path] = ()) -> str:
    """The whole help; the config it shows is the one that `overrides` give."""
    groups = "\n".join(_group_lines([config_dir(), *config_dirs]))
    config = OmegaConf.to_yaml(compose(overrides, config_dirs=config_dirs))
    return (
        f"{_USAGE.format(program=program)}\n"
        f"Groups: choose an option with group=option\n{groups}\n\n"
        f"Values: change one with key.path=value\n\n{config}"
    )


def group_help(folders: Sequence[Path]) -> dict[str, dict[str, str]]:
    """Group to option to the first sentence of the comment that its file begins with."""
    groups: dict[str, dict[str, str]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.yaml")):
            place = path.relative_to(folder)
            # An editor may keep a hidden file of its own there, which is no option.
            is_option = path.is_file() and not any(part.startswith(".") for part in place.parts)
            group = place.parent.as_posix()
            if is_option and group != ".":
                groups.setdefault(group, {}).setdefault(path.stem, leading_comment(path))
    return dict(sorted(groups.items()))


def leading_comment(path: Path) -> str:
    """The comment lines at the top of a config file, without `@package`, as one line."""
    words = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        if not line.startswith("#"):
            break
        if "@package" not in line:
            words.append(line.lstrip("# ").rstrip())
    return " ".join(words)


def _group_lines(folders: Sequence[Path]) -> Iterator[str]:
    for group, options in group_help(folders).items():
        yield f"  {group}"
        width = max(map(len, options))
        for option, text in options.items():
            yield f"    {option:{width}}  {text}".rstrip()
