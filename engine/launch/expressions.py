"""ClassAd expressions as texts: what they are made of, and whether they stay whole."""

from __future__ import annotations

from collections.abc import Iterable


def conjuncts(expression: str) -> list[str]:
    """The parts of a ClassAd expression that all have to be true, without outer parentheses."""
    expression = _bare(expression.strip())
    cuts = [place for place, depth in _depths(expression) if not depth]
    marks = [place for place in cuts if expression.startswith("&&", place)]
    # An operator that binds less: && is not what the whole is made of.
    looser = any(_binds_less(expression, place) for place in cuts)
    if not marks or looser:
        return [expression]
    ends = [*marks, len(expression)]
    starts = [0, *(mark + 2 for mark in marks)]
    pieces = [expression[start:end] for start, end in zip(starts, ends, strict=True)]
    return [part for piece in pieces for part in conjuncts(piece)]


def _binds_less(expression: str, place: int) -> bool:
    """Whether there is an operator that binds less than &&; that of `a =?= b` does not."""
    is_question = expression[place] == "?" and expression[place - 1 : place + 2] != "=?="
    return is_question or expression.startswith("||", place)


def has_comment(expression: str) -> bool:
    """Whether a part of it, outside of quotes, is none: what follows would be part of it too."""
    return any(expression.startswith(("//", "/*"), place) for place, _ in _depths(expression))


def is_balanced(expression: str) -> bool:
    """Whether all that is opened is closed, so that it stays whole in parentheses."""
    depths = [depth for _, depth in _depths(f"({expression})")]
    return depths[-1:] == [0] and 0 not in depths[:-1]


def _bare(text: str) -> str:
    """Without parentheses around all of it."""
    while text.startswith("(") and text.endswith(")"):
        inside = [depth for _, depth in _depths(text[:-1])]
        if 0 in inside[1:]:
            break
        text = text[1:-1].strip()
    return text


def _depths(text: str) -> Iterable[tuple[int, int]]:
    """Each place outside of quotes, with how many parentheses are open behind it."""
    depth, quote, escaped = 0, "", False
    for place, char in enumerate(text):
        if quote:
            closes = char == quote and not escaped
            escaped = char == "\\" and not escaped
            quote = "" if closes else quote
        elif char in "\"'":
            quote = char
        else:
            depth += (char in "([{") - (char in ")]}")
            yield place, depth
