"""Tab completion of the command `engine` in bash, zsh and fish.

The shell asks with the line as it is typed; the answer has one completion a line, and a line with
a tab alone where names of files may stand. Run names come
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
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.cli.completion_values import FILES, Values
from engine.errors import EngineError

BASH = """\
_engine_complete() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        case "$line" in
            $'\t') compopt -o default -o bashdefault 2>/dev/null ;;
            *) COMPREPLY+=("$line") ;;
        esac
    done < <(COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" "${1/#\\~\\//$HOME/}" \\
        --shell-completion query=bash "$COMP_WORDBREAKS" 2>/dev/null)
}
complete -o nospace -F _engine_complete engine
"""

ZSH = """\
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
_engine_complete() {
    local line="${(j: :)words[1,CURRENT-1]} $QIPREFIX$IPREFIX$PREFIX"
    local -a answers
    answers=("${(@f)$(COMP_LINE="$line" COMP_POINT="${#line}" "${~words[1]}" \\
        --shell-completion query=zsh 2>/dev/null)}")
    answers=(${answers:#})
    (( ${answers[(Ie)$'\t']} )) && { _files; return }
    (( $#answers )) || return 1
    local -a whole=(${(M)answers:#* }) begun=(${answers:#* })
    (( $#whole )) && compadd -U -- "${(@)whole% }"
    (( $#begun )) && compadd -U -S '' -- "${(@)begun}"
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
        code, printed = _of_hydra(words)
        print(printed, end="")
        return code
    line = os.environ.get("COMP_LINE", "")
    point = os.environ.get("COMP_POINT", "")
    line = line[: int(point)] if point.isdecimal() else line
    typed = read_line(line, words[2] if words[2:] else "")
    found = list(_candidates(line, typed, words, commands))
    if FILES in found and words[1] in ("query=bash", "query=zsh"):
        print(FILES)
    for text in _fitting(found, typed):
        if text.isprintable() and _can_stand(text, typed.quote):
            print(_for_bash(text, typed) if words[1] == "query=bash" else text)
    return 0


def _fitting(found: Sequence[str], typed: Typed) -> list[str]:
    """What begins as the word does; else the only one that has it inside."""
    texts = dict.fromkeys(text for text in found if text != FILES)
    begins = [text for text in texts if text.startswith(typed.word)]
    if begins or typed.kept:
        return begins
    inside = [text for text in texts if typed.word in text]
    return inside if len(inside) == 1 else []


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
        os.environ["COMP_LINE"] = line.lstrip().split(maxsplit=1)[1]
        return _of_hydra(words[:2])[1].split()
    module, function, _ = commands[name]
    command = getattr(importlib.import_module(module), function)
    if not hasattr(command, "parser"):
        return []
    try:
        parser = command.parser()
        if _is_override(parser, typed):
            return _overrides(name, typed, words[:2])
        return _of_parser(parser, typed)
    except (EngineError, OSError):  # nothing to offer; the command itself will say why
        return []


def _of_hydra(words: Sequence[str]) -> tuple[int, str]:
    """The exit code of the training command, which answers for its config, and what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = importlib.import_module("engine.cli.train").main(words, program="engine")
    return code, printed.getvalue()


def _is_override(parser: argparse.ArgumentParser, typed: Typed) -> bool:
    """Whether the word at the cursor is an override of a command that takes those of a training."""
    takes = any(action.metavar == "OVERRIDE" for action in parser._get_positional_actions())
    option = parser._option_string_actions.get(typed.words[-1])
    return takes and not typed.word.startswith("-") and not _takes_value(option)


def _overrides(name: str, typed: Typed, words: Sequence[str]) -> list[str]:
    """What Hydra offers for an override; it knows none of the command's own options."""
    before = [word for word in typed.words[2:] if not word.startswith("-") and "=" in word]
    os.environ["COMP_LINE"] = " ".join([name, *before, typed.word])
    return _of_hydra(words)[1].split()


def _of_parser(parser: argparse.ArgumentParser, typed: Typed) -> list[str]:
    """Options, or what the argument at the cursor takes."""
    options = parser._option_string_actions
    values = Values(typed.words)
    before = typed.words[-1] if len(typed.words) > 2 else ""
    if _takes_value(options.get(before)):
        return values.of(options[before], typed.word)
    option, equals, begun = typed.word.partition("=")
    if equals and option in options:
        return [f"{option}={text}" for text in values.of(options[option], begun)]
    signed = values.signed_tags(typed.word)
    if typed.word.startswith("-"):
        return [*(f"{option} " for option in options), *signed]
    actions = _open_positionals(parser, typed)
    return [text for action in actions for text in values.of(action, typed.word)] + signed


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
