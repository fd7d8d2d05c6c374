"""All that is wrong with a command line, each thing in one sentence."""

from __future__ import annotations

import difflib
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from engine.config.compose import COMPOSE_ERRORS, search_path
from engine.config.composer import Composer
from engine.config.file_problems import file_problem, first_line
from engine.config.help import group_help
from engine.config.paths import config_dir
from engine.config.points import sweep_problem
from engine.config.quoting import unparsable
from engine.config.schema import value_problems


def find_problems(
    overrides: Sequence[str],
    config_dirs: Sequence[Path] = (),
    *,
    sweep: bool = True,
    composer: Composer | None = None,
    most_values: int = 1000,
) -> list[str]:
    """One sentence for each override that does not fit, then for each value that is wrong.

    Parameters
    ----------
    overrides
        As on the command line, without its flags.
    config_dirs
        Further folders with config groups.
    sweep
        Whether an override may have several values; each of them is then looked at.
    composer
        One that knows these folders already, which saves time.
    most_values
        Of a sweep over more, the others are taken for as right.
    """
    composer = composer or Composer(config_dirs)
    with search_path(config_dirs):
        problems = [unparsable(text) for text in overrides if _parse(text) is None]
        parsed = [override for override in map(_parse, overrides) if override is not None]
        if not sweep:
            several = [o for o in parsed if o.is_sweep_override()]
            problems += [_several(override) for override in several]
        else:
            told = {id(one): sweep_problem(one) for one in parsed}
            spaces = _search_spaces(parsed)
            problems += [told[id(one)] for one in parsed if told[id(one)] and one not in spaces]
            parsed = [one for one in parsed if not told[id(one)]]
        return problems + _compose_problems(composer, parsed, most_values)


def _search_spaces(parsed: Sequence[Override]) -> list[Override]:
    """Intervals, from which another sweeper than ours takes what values it likes."""
    chosen = {str(one.value()) for one in parsed if one.key_or_group == "hydra/sweeper"}
    if chosen <= {"points", "basic"}:
        return []
    return [one for one in parsed if one.is_sweep_override() and not one.is_discrete_sweep()]


def flag_problem(flag: str) -> str:
    """The sentence for a flag that does not exist, with the key that it may stand for."""
    name = flag.lstrip("-").partition("=")[0].replace("-", "_")
    with search_path():
        close = _key_hint(name, _all_keys(Composer().compose()))
    return f"{flag}: there is no such option{close}; values are set by key=value, without dashes"


def _compose_problems(composer: Composer, parsed: Sequence[Override], most: int) -> list[str]:
    """What is wrong with overrides that can be read: groups first, then keys, then values."""
    swept = {o.key_or_group for o in parsed if o.is_sweep_override()}
    single = [one for override in parsed for one in _each_value(override, most)]
    groups = [o for o in single if _group_options(o.key_or_group)]
    chosen, problems = _fitting(composer, groups, [[]])
    # A key may exist with one choice of a swept group only; it fits if it does with any.
    common = [_text(o) for o in chosen if o.key_or_group not in swept]
    contexts = [[*common, *one] for one in _each_once(chosen, swept)]
    refused = [_compose(composer, context) for context in contexts]
    errors = [one for one in refused if isinstance(one, Exception)]
    if len(errors) == len(refused):  # against what should the rest be seen?
        told = [file_problem(errors[0], composer.config_dirs)]
        return told if isinstance(_compose(composer, []), Exception) else problems + told
    fitting, found = _fitting(composer, [o for o in single if o not in groups], contexts)
    fixed = [_text(o) for o in fitting if o.key_or_group not in swept]
    ones = _each_once(fitting, swept)
    points = [[*context, *fixed, *one] for context in contexts for one in ones]
    return problems + found + _value_problems(composer, points)


def _each_once(overrides: Sequence[Override], swept: set[str]) -> list[list[str]]:
    """Each value of a sweep once, with the first value of every other swept key."""
    varied = [o for o in overrides if o.key_or_group in swept]
    first = {o.key_or_group: _text(o) for o in reversed(varied)}
    return [list((first | {o.key_or_group: _text(o)}).values()) for o in varied] or [[]]


def _parse(text: str) -> Override | None:
    """The override that `text` means; None if it cannot be read."""
    if not text.partition("=")[0].strip():
        return None
    try:
        loader = GlobalHydra.instance().config_loader()
        return OverridesParser.create(loader).parse_overrides([text])[0]
    except (HydraException, RecursionError):  # the latter of brackets within brackets
        return None


def _text(override: Override) -> str:
    return str(override.input_line)


def _each_value(override: Override, most: int) -> list[Override]:
    """The override, or one for each value of a sweep; none where it has no list of them."""
    if not override.is_sweep_override():
        return [override]
    if sweep_problem(override):
        return []
    key = override.get_key_element()
    values = itertools.islice(override.sweep_string_iterator(), most)
    texts = [f"{key}={value}" for value in values]
    return [one for one in map(_parse, texts) if one is not None]


def _fitting(
    composer: Composer, overrides: Sequence[Override], contexts: Sequence[list[str]]
) -> tuple[list[Override], list[str]]:
    """The overrides that compose on one of the contexts; a sentence for each of the others.

    Composing takes long, so they are tried together first, and alone only where that fails.
    """
    refused: dict[int, str] = {}
    for together in _rounds(overrides):
        if not _any_fits(composer, together, contexts):
            refused |= _refused(composer, together, contexts)
    fitting = [override for override in overrides if id(override) not in refused]
    return fitting, list(refused.values())


def _rounds(overrides: Sequence[Override]) -> list[list[Override]]:
    """The overrides in lists that name no key twice: of each key the first value, then the next."""
    rounds: list[list[Override]] = []
    seen: Counter[str] = Counter()
    for override in overrides:
        if seen[override.key_or_group] == len(rounds):
            rounds.append([])
        rounds[seen[override.key_or_group]].append(override)
        seen[override.key_or_group] += 1
    return rounds


def _any_fits(
    composer: Composer, overrides: Sequence[Override], contexts: Sequence[list[str]]
) -> bool:
    """Whether all of the overrides compose together, on any of the contexts."""
    words = [_text(override) for override in overrides]
    return any(
        isinstance(_compose(composer, [*context, *words]), DictConfig) for context in contexts
    )


def _refused(
    composer: Composer, overrides: Sequence[Override], contexts: Sequence[list[str]]
) -> dict[int, str]:
    """A sentence for each override that alone composes on none of the contexts, by its identity."""
    sentences = {}
    for override in overrides:
        results = [_compose(composer, [*context, _text(override)]) for context in contexts]
        errors = [result for result in results if isinstance(result, Exception)]
        if len(errors) == len(contexts):
            case = (*contexts[0], _text(override))
            if case not in composer.explained:  # a form is made again after each edit
                sentence = _explain(composer, override, errors[0], contexts[0])
                composer.explained[case] = sentence
            sentences[id(override)] = composer.explained[case]
    return sentences


def _compose(composer: Composer, overrides: Sequence[str]) -> DictConfig | Exception:
    """The config that the overrides give, or why there is none."""
    try:
        return composer.compose(overrides)
    except COMPOSE_ERRORS as error:
        return error


def _value_problems(composer: Composer, points: Sequence[list[str]]) -> list[str]:
    """What is wrong with the values of the configs at these points of a sweep, each once."""
    problems: dict[str, None] = {}
    for point in points:
        cfg = _compose(composer, point)
        if isinstance(cfg, DictConfig):
            problems.update(dict.fromkeys(value_problems(cfg)))
    return list(problems)


def _group_options(group: str) -> list[str]:
    options = GlobalHydra.instance().config_loader().get_group_options(group)
    # Hydra's own first config is in the group hydra, and no choice.
    return sorted(option for option in options if not option.startswith(("_", ".", "config")))


def _several(override: Override) -> str:
    """What is told of several values where no sweep is wanted."""
    is_asked_for = str(override.key_or_group).partition(".")[0] == "launcher"
    remedy = "submit one job for each" if is_asked_for else "--multirun takes each"
    return f"{override.input_line}: several values; {remedy}"


def _explain(
    composer: Composer, override: Override, error: Exception, context: Sequence[str]
) -> str:
    """The sentence for an override that Hydra refused with `error` on `context`."""
    group, value = override.key_or_group, str(override.get_value_element_as_str())
    options = _group_options(group)
    if options and value not in options:
        more = "; a loop of your own is package.module:function" if group == "loop" else ""
        hint = _hint(value, options)
        return f"{group}={value}: no such option; choose {_listed(options)}{hint}{more}"
    if options and not override.is_add() and "No match in the defaults list" in str(error):
        return f"{group}={value}: no config names this group; +{group}={value} adds it"
    if options:  # the option is there, and its file is at fault
        return f"{override.input_line}: {first_line(error)}"
    if "/" in group:
        return f"{group}: there is no such group{_hint(group, list(group_help([config_dir()])))}"
    if f"{group}.".startswith("hydra.sweeper.params."):
        return f"{group}: is for experiments; write the lists into the command, as key=a,b"
    keys = _all_keys(composer.compose(context))
    if group not in keys:
        other = _option_with(composer, override, context)
        if other:
            return f"{group}: there is no such key here; it needs {other}"
        return f"{group}: there is no such key{_key_hint(group, keys)}; +{group}=… adds a new one"
    return f"{override.input_line}: {first_line(error)}"


def _option_with(composer: Composer, override: Override, context: Sequence[str]) -> str | None:
    """`group=option` with which the key of an override exists; None if there is no such option."""
    parent = override.key_or_group.rpartition(".")[0].replace(".", "/")
    for group in (parent, "loop"):
        others = [text for text in context if text.partition("=")[0] != group]
        for option in _group_options(group) if group else []:
            choice = f"{group}={option}"
            if isinstance(_compose(composer, [*others, choice, _text(override)]), DictConfig):
                return choice
    return None


def _key_hint(key: str, keys: Sequence[str]) -> str:
    """Like `_hint`, with a slash where the key that is meant is a group."""
    hint = _hint(key, keys)
    close = hint.removeprefix(" (did you mean ").removesuffix("?)")
    group = close.replace(".", "/")
    return f" (did you mean {group}=…?)" if close and _group_options(group) else hint


def _all_keys(cfg: DictConfig) -> list[str]:
    """Every key of a config, dotted, nodes too."""
    keys: list[str] = []
    for key in map(str, cfg):
        node = OmegaConf.select(cfg, key, throw_on_resolution_failure=False)
        keys.append(key)
        if isinstance(node, DictConfig):
            keys += [f"{key}.{inner}" for inner in _all_keys(node)]
    return keys


def _hint(word: str, known: Sequence[str]) -> str:
    """`: did you mean …?` where something close is known; the last part of a key counts most."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if not close:
        last = word.rsplit(".", 1)[-1]
        by_last = {key.rsplit(".", 1)[-1]: key for key in reversed(known)}
        close = [by_last[m] for m in difflib.get_close_matches(last, by_last, n=1, cutoff=0.7)]
    return f" (did you mean {close[0]}?)" if close else ""


def _listed(options: Sequence[str]) -> str:
    return ", ".join(options[:-1]) + f" or {options[-1]}" if len(options) > 1 else options[0]
