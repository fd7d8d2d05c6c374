"""What is told of an override that cannot be read, and how it is typed in a shell."""

from __future__ import annotations

import re
import shlex

_COMPARISON = re.compile(r"^(\w+)\s*={1,2}\s*([A-Za-z][\w.-]*)$", re.ASCII)
"""Of an attribute of a node with what it shall be, as one may type it."""


def unparsable(text: str) -> str:
    """Why an override cannot be read, and how it can."""
    if "=" not in text.strip("="):
        return f"{text or '(empty)'}: an override is written key=value, without spaces around ="
    return f"{text}: cannot be read; put quotes around special characters: {_quoted(text)}"


def _quoted(text: str) -> str:
    """An override as it is typed in a shell where its value is one text."""
    key, _, value = text.partition("=")
    if value[0] in "'\"":
        return "'key=\"a, b\"'"
    if key == "launcher.requirements":
        # Of a node is asked by an expression, in which a name is a text.
        value = _COMPARISON.sub(r'\1 == "\2"', value)
    value = re.sub(r'(\\*)"', r"\1\1\"", value)
    return shlex.quote(f'{key}="{value}"')
