"""A config as a form: groups with their options, values with what is known about each.

All of it comes from the config files and the schema, so that an option, a key or a whole group that
somebody adds is in the form at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from yaml import MarkedYAMLError, YAMLError

from engine.config import draft
from engine.config.comments import key_comments
from engine.config.compose import COMPOSE_ERRORS, dotted_loops, forget_loops, register_loops
from engine.config.composer import Base, Composer
from engine.config.fields import FIELDS, Field
from engine.config.fitting import is_about, what_composes
from engine.config.help import group_help
from engine.config.paths import config_dir
from engine.config.schema import value_problems
from engine.config.values import all_resolved, resolved_value, values_of
from engine.config.yaml_keys import file_keys, where_wrong

_CHOSEN = ("loop",)
"""Keys that the options of a group set to their own name."""

_FIELDS = {one.key: one for one in FIELDS}
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text",
          list: "a list", dict: "keys with values"}  # fmt: skip


@dataclass(frozen=True)
class Option:
    """One of the choices of a group."""

    name: str
    help: str = ""
    """What its file says about it."""
    problem: str = ""
    """Why its file cannot be read, and where."""


@dataclass(frozen=True)
class Group:
    """A config group; its name has slashes, as on the command line."""

    name: str
    options: tuple[Option, ...]
    chosen: str | None
    """The present choice; None if there is none. Likewise `default`, without overrides."""
    default: str | None
    sign: str = ""
    """What stands before its name in an override: `+` where no config names the group."""

    @property
    def key(self) -> str:
        """The node that the group fills, dotted."""
        return self.name.replace("/", ".")


@dataclass(frozen=True)
class Entry:
    """One value of the config."""

    key: str
    text: str
    """The value, or what it is made of, as an override has it."""
    value: Any
    """The value, with all that it refers to filled in; None where that cannot be."""
    default: str | None
    """The text without the overrides of values; None if the key is not there then."""
    expected: str
    """What it may be, in words."""
    choices: tuple[str, ...] = ()
    help: str = ""
    origin: str = ""
    """The config file that sets it, without its ending, or `draft.TYPED`."""
    problem: str = ""

    @property
    def is_changed(self) -> bool:
        """Whether it differs from the default."""
        return self.text != self.default


@dataclass(frozen=True)
class Form:
    """All that there is to choose and to set, for one draft."""

    overrides: draft.Overrides
    groups: tuple[Group, ...] = ()
    entries: tuple[Entry, ...] = ()
    problems: tuple[str, ...] = ()
    """What is wrong, in sentences: those of values begin with their key."""
    config: DictConfig | None = field(default=None, compare=False)
    """What the overrides compose to; of a sweep its first run."""
    name: str = ""
    """What its run is called, behind the time."""
    settings: dict[str, Any] = field(default_factory=dict, compare=False)
    """Every value by its dotted key, the classes too, with what they refer to filled in."""


class FormMaker:
    """Makes forms of drafts; for one thread at a time.

    Parameters
    ----------
    config_dirs
        Further folders with config groups.
    """

    def __init__(self, config_dirs: Sequence[Path] = ()) -> None:
        self.composer = Composer(config_dirs)
        self.folders = [config_dir(), *map(Path, config_dirs)]
        self._facts: tuple[Base | None, dict[str, tuple[str, str]]] = None, {}
        self._options: tuple[object, dict[str, tuple[Option, ...]]] = None, {}
        self._last = Form(())
        self._loops: set[str] = set()

    def form(self, overrides: Sequence[str]) -> Form:
        """The form of a draft; where it does not compose, that of what does, and the reasons.

        Where nothing composes, as a file is broken, it is the last one that there was, without a
        config.
        """
        from engine.config.points import first_run

        given = tuple(overrides)
        self._know_loops(dotted_loops(given))
        try:
            made = self._form(given, first_run(self.composer, given), ())
        except (*COMPOSE_ERRORS, OSError):
            made = self._partly(given)
        if made.config is not None:
            self._last = made
        return made

    def _know_loops(self, names: Sequence[str]) -> None:
        """Have the loops of this draft as options, and no more those that were half typed."""
        forget_loops(self._loops - set(names))
        self._loops = set(names)
        with contextlib.suppress(*COMPOSE_ERRORS):  # a name that is none is told below
            register_loops(names, self.folders)

    def _partly(self, given: draft.Overrides) -> Form:
        """The form of those overrides that compose, and what is wrong with the others."""
        from engine.config.file_problems import file_problem
        from engine.config.problems import find_problems

        problems: list[str] = []
        try:
            problems = find_problems(
                given, self.composer.config_dirs, composer=self.composer, most_values=20
            )
            return self._form(given, what_composes(self.composer, given, problems), problems)
        except (*COMPOSE_ERRORS, OSError) as error:
            told = tuple(problems) or (file_problem(error, self.composer.config_dirs),)
            return replace(self._last, overrides=given, problems=told, config=None,
                           groups=self._last_groups(given))  # fmt: skip

    def _last_groups(self, given: draft.Overrides) -> tuple[Group, ...]:
        """All groups, so that another option can be chosen, as far as is known of them."""
        known = {one.name: one for one in self._last.groups}
        return tuple(
            replace(known.get(name, Group(name, (), None, None)), options=options)
            for name, options in self._read_options().items()
        )

    def _form(self, given: draft.Overrides, single: Sequence[str], problems: Sequence[str]) -> Form:
        cfg, base = self.composer.compose(single), self.composer.base(single)
        found = problems or value_problems(cfg)
        resolved = all_resolved(cfg)
        return Form(
            overrides=given,
            groups=tuple(self._groups(base, given)),
            entries=tuple(self._entries(cfg, resolved, base, given, found)),
            problems=tuple(found),
            config=cfg,
            settings=resolved,
            name=str(resolved_value(base.config, "hydra.job.name") or ""),
        )

    def _groups(self, base: Base, given: draft.Overrides) -> Iterator[Group]:
        choices = base.config.hydra.runtime.choices
        try:
            plain = self.composer.base()
            defaults = plain.config.hydra.runtime.choices
        except COMPOSE_ERRORS:  # what is chosen stands for a default that is broken
            plain = base
            added = {draft.key_of(one) for one in given if one.startswith("+")}
            typed = {draft.key_of(one) for one in given}
            defaults = {
                name: None if name in typed else one
                for name, one in choices.items()
                if name not in added
            }
        for name, options in self._options_since(plain).items():
            sign = "" if name in defaults else "+"
            yield Group(name, options, choices.get(name), defaults.get(name), sign)

    def _options_since(self, plain: Base) -> dict[str, tuple[Option, ...]]:
        """Group to its options; read again when a file has changed, which makes a new base."""
        if self._options[0] is not plain:
            self._options = plain, self._read_options()
        return self._options[1]

    def _read_options(self) -> dict[str, tuple[Option, ...]]:
        return {
            name: tuple(Option(one, text, self._broken(name, one)) for one, text in all_.items())
            for name, all_ in group_help(self.folders).items()
            if not name.startswith("hydra/")
        }

    def _broken(self, group: str, option: str) -> str:
        """Why the file of an option cannot be read, and where."""
        try:
            path = self._file(f"{group}/{option}")
            if path is not None:
                file_keys(path)
        except MarkedYAMLError as error:
            return where_wrong(error)
        except (YAMLError, OSError, ValueError, RecursionError) as error:
            return " ".join(str(error).split())
        return ""

    def _entries(
        self,
        cfg: DictConfig,
        resolved: dict[str, Any],
        base: Base,
        given: draft.Overrides,
        problems: Sequence[str],
    ) -> Iterator[Entry]:
        defaults = dict(values_of(base.config))
        facts = self._facts_of(base)
        for key, raw in values_of(cfg):
            if key in _CHOSEN or key.endswith("._target_"):
                continue  # what an option stands for
            text = draft.text_of(raw, refers=True)
            typed = draft.find(given, key)
            if typed is not None and typed.partition("=")[1]:
                text = typed.partition("=")[2]
            origin, help_text = facts.get(key, ("", ""))
            known = _FIELDS.get(key)
            yield Entry(
                key=key,
                text=text,
                value=resolved[key] if key in resolved else resolved_value(cfg, key),
                default=draft.text_of(defaults[key], refers=True) if key in defaults else None,
                expected=known.expected() if known else _kind(raw),
                choices=_choices(known, raw),
                help=help_text,
                origin=draft.TYPED if typed is not None else origin,
                problem=next((text for text in problems if is_about(text, key)), ""),
            )

    def _facts_of(self, base: Base) -> dict[str, tuple[str, str]]:
        """Key to the file that sets it, and to the comment above it there."""
        if self._facts[0] is not base:
            found: dict[str, tuple[str, str]] = {}
            for part in base.parts:
                if part.config_path and not part.config_path.startswith("hydra/"):
                    for key, comment in self._keys_in(part.config_path, part.package or ""):
                        found[key] = part.config_path, comment or found.get(key, ("", ""))[1]
            self._facts = base, found
        return self._facts[1]

    def _keys_in(self, config_path: str, package: str) -> Iterator[tuple[str, str]]:
        """The dotted keys that a file sets, with the comments above them."""
        path = self._file(config_path)
        if path is None:
            return
        comments, prefix = key_comments(path), f"{package}." if package else ""
        for key in file_keys(path):
            if key.partition(".")[0] != "defaults":
                yield f"{prefix}{key}", comments.get(key, "")

    def _file(self, config_path: str) -> Path | None:
        """The file of a config, in the first folder that has it."""
        paths = (folder / f"{config_path}.yaml" for folder in self.folders)
        return next((path for path in paths if path.is_file()), None)


def _choices(known: Field | None, raw: Any) -> tuple[str, ...]:
    if known and known.choices:
        return known.choices
    is_yes_or_no = known.kind is bool if known else isinstance(raw, bool)
    return ("true", "false") if is_yes_or_no else ()


def _kind(raw: Any) -> str:
    """What a value may be that the schema does not know: most likely the same as it is."""
    return _KINDS.get(type(raw), "any value")
