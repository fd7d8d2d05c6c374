"""Tab completion of the command `engine` in bash, zsh and fish.

The shell asks with the line as it is typed; the answer has one completion a line. Run names come
from folders that anybody may have named, so the shell must never expand them: the bash script
takes the lines as they are, and what it inserts is quoted here. Those with control characters are
not offered.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import itertools
import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from engine.cli.select import existing_root
from engine.errors import EngineError

if TYPE_CHECKING:
    from engine.library.summary import RunSummary

BASH = """\
_engine_complete() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" "${1/#\\~\\//$HOME/}" \\
        --shell-completion query=bash "$COMP_WORDBREAKS" 2>/dev/null)
}
complete -o nospace -o bashdefault -o default -F _engine_complete engine
"""

ZSH = """\
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
_engine_complete() {
    local line="${(j: :)words[1,CURRENT-1]} $QIPREFIX$IPREFIX$PREFIX"
    local -a answers
    answers=("${(@f)$(COMP_LINE="$line" COMP_POINT="${#line}" "${~words[1]}" \\
        --shell-completion query=zsh 2>/dev/null)}")
    answers=(${answers:#})
    (( $#answers )) || { _files; return }
    local -a whole=(${(M)answers:#* }) begun=(${answers:#* })
    (( $#whole )) && compadd -- "${(@)whole% }"
    (( $#begun )) && compadd -S '' -- "${(@)begun}"
    return 0
}
compdef _engine_complete engine
"""

SCRIPTS = {
    "install=bash": BASH,
    "install=zsh": ZSH,
    "uninstall=bash": "complete -r engine; unset -f _engine_complete\n",
    "uninstall=zsh": "compdef -d engine; unfunction _engine_complete\n",
}
"""What is printed for the shell to evaluate; fish, and the rest, are Hydra's."""

_UNSAFE = re.compile(r"([^\w@%+=:,./-])")


class Typed(NamedTuple):
    """A command line up to the cursor."""

    words: list[str]
    """The words before the one with the cursor, as the command gets them."""
    word: str
    """The word with the cursor, up to it."""
    quote: str
    """The quote that is open at the cursor, or nothing."""
    kept: int
    """Characters of `word` that bash leaves alone: it replaces what is behind a word break."""


def read_line(line: str, breaks: str = "") -> Typed:
    """Split a line as a shell does, as far as it goes; `breaks` is bash's COMP_WORDBREAKS."""
    words: list[str] = []
    word, quote, kept, inside = "", "", 0, False
    chars = iter(line)
    for char in chars:
        if char == quote:
            quote = ""
        elif quote == "'" or (quote and char != "\\"):
            word += char
        elif char == "\\":
            following = next(chars, "")
            word += following if not quote or following in '"\\$`' else char + following
            inside = True
        elif char in "'\"":
            quote, kept, inside = char, len(word), True
        elif char.isspace():
            if inside:
                words.append(word)
            word, kept, inside = "", 0, False
        else:
            word += char
            inside = True
            kept = len(word) if char in breaks else kept
    return Typed(words, word, quote, kept)


def answer(words: Sequence[str], commands: dict[str, tuple[str, str, str]]) -> int:
    """Answer `--shell-completion …`: print a script, or completions of `$COMP_LINE`."""
    if words[1:2] and words[1] in SCRIPTS:
        print(SCRIPTS[words[1]], end="")
        return 0
    if not (words[1:2] and words[1].startswith("query=")):
        return importlib.import_module("engine.cli.train").main(words, program="engine")
    line = os.environ.get("COMP_LINE", "")
    point = os.environ.get("COMP_POINT", "")
    line = line[: int(point)] if point.isdecimal() else line
    typed = read_line(line, words[2] if words[2:] else "")
    found = _candidates(line, typed, words, commands)
    for text in dict.fromkeys(found):
        if text.startswith(typed.word) and text.isprintable() and _can_stand(text, typed.quote):
            print(_for_bash(text, typed) if words[1] == "query=bash" else text)
    return 0


def _can_stand(text: str, quote: str) -> bool:
    """Whether it can be written in the quote; bash looks for its history at a ! in double ones."""
    return not (quote == '"' and "!" in text)


def _for_bash(text: str, typed: Typed) -> str:
    """What bash inserts: the part behind the last word break, quoted as the word begins."""
    text = text[typed.kept :]
    if typed.quote == '"':
        return re.sub(r'(["\\$`])', r"\\\1", text.removesuffix(" "))
    if typed.quote:
        return text.removesuffix(" ").replace("'", "'\\''")
    whole = text.endswith(" ")
    return _UNSAFE.sub(r"\\\1", text.removesuffix(" ")) + " " * whole


def _candidates(
    line: str, typed: Typed, words: Sequence[str], commands: dict[str, tuple[str, str, str]]
) -> Iterable[str]:
    """All that may stand there; a blank at the end means that the word is whole."""
    if len(typed.words) < 2:
        return [f"{name} " for name in commands]
    name = typed.words[1]
    if name not in commands:
        return []
    if name == "train":
        return _of_hydra(line, words)
    module, function, _ = commands[name]
    command = getattr(importlib.import_module(module), function)
    if not hasattr(command, "parser"):
        return []
    try:
        return _of_parser(command.parser(), typed)
    except (EngineError, OSError):  # nothing to offer; the command itself will say why
        return []


def _of_hydra(line: str, words: Sequence[str]) -> list[str]:
    """Groups, options and keys of the training's config."""
    os.environ["COMP_LINE"] = line.lstrip().split(maxsplit=1)[1]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        importlib.import_module("engine.cli.train").main(words[:2], program="engine")
    return printed.getvalue().split()


def _of_parser(parser: argparse.ArgumentParser, typed: Typed) -> list[str]:
    """Options, or what the argument at the cursor takes."""
    options = parser._option_string_actions
    values = _Values(typed)
    before = typed.words[-1] if len(typed.words) > 2 else ""
    if _takes_value(options.get(before)):
        return values.of(options[before], typed.word)
    option, equals, begun = typed.word.partition("=")
    if equals and option in options:
        return [f"{option}={text}" for text in values.of(options[option], begun)]
    if typed.word.startswith("-"):
        return [f"{option} " for option in options]
    actions = _open_positionals(parser, typed)
    return [text for action in actions for text in values.of(action, typed.word)]


def _takes_value(action: argparse.Action | None) -> bool:
    return action is not None and action.nargs is None


def _open_positionals(parser: argparse.ArgumentParser, typed: Typed) -> list[argparse.Action]:
    """The arguments that the word at the cursor may belong to."""
    options = parser._option_string_actions
    n_words = 0
    for before, word in itertools.pairwise(typed.words[1:]):
        n_words += not (word.startswith("-") or _takes_value(options.get(before)))
    actions = parser._get_positional_actions()
    for number, action in enumerate(actions):
        if action.nargs in ("*", "+"):
            return actions[number:]
        n_words -= action.nargs if isinstance(action.nargs, int) else 1
        if n_words < 0:
            return [action]
    return []


class _Values:
    """What arguments take, told by their metavar (see `Command`); read when it is asked for."""

    def __init__(self, typed: Typed) -> None:
        self._typed = typed

    def of(self, action: argparse.Action, begun: str) -> list[str]:
        """The values of one argument that begin so; a blank at the end where they are whole."""
        if action.choices is not None:
            return [f"{choice} " for choice in action.choices]
        metavar = action.metavar if isinstance(action.metavar, str) else ""
        kind = metavar.split(",")[0]
        if kind == "RUN":
            return [f"{name} " for name in [*self._names(), "last"]]
        if kind == "FILTER":
            from engine.tables.suggest import complete

            return complete(begun, self._runs())
        if kind not in _LISTED:
            return []
        head, comma, last = begun.rpartition(",")
        sign = last[:1] if last[:1] in ("+", "-") and kind == "KEY" else ""
        return [f"{head}{comma}{sign}{word}" for word in _LISTED[kind](self._runs())]

    def _root(self) -> str | None:
        """The `--root` that was typed."""
        words = self._typed.words
        given = [after for word, after in itertools.pairwise(words) if word == "--root"]
        given += [word.removeprefix("--root=") for word in words if word.startswith("--root=")]
        return given[-1] if given else None

    def _names(self) -> list[str]:
        from engine.library.index import find_runs

        folder = existing_root(self._root())
        return [path.name for path in find_runs(folder)] if folder else []

    def _runs(self) -> list[RunSummary]:
        from engine.library.index import Index

        folder = existing_root(self._root())
        return Index(folder).refresh() if folder else []


def _keys(runs: Sequence[RunSummary]) -> list[str]:
    from engine.tables.keys import Vocabulary

    return Vocabulary(runs).names()


def _metrics(runs: Sequence[RunSummary]) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run.numbers))


def _tags(runs: Sequence[RunSummary]) -> list[str]:
    return sorted({tag for run in runs for tag in run.tags})


_LISTED: dict[str, Callable[[Sequence[RunSummary]], list[str]]] = {
    "KEY": _keys,
    "METRIC": _metrics,
    "TAG": _tags,
}
