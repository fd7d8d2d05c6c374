"""HTML whose text cannot break out: everything is escaped that is not markup already.

Control characters are left out, too: a page may be shown in a terminal.
"""

from __future__ import annotations

import html

from engine.facts.text import plain


class Markup(str):
    """A piece of HTML."""

    __slots__ = ()


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """An element; texts in it and values of attributes are escaped, None leaves one out.

    `class_` and `data_x` stand for the attributes `class` and `data-x`.
    """
    opened = name + "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{opened}>{join(*children)}</{name}>")


def join(*children: object) -> Markup:
    """Pieces one after another; None is nothing."""
    return Markup("".join(map(_piece, children)))


def _piece(child: object) -> str:
    if child is None:
        return ""
    return child if isinstance(child, Markup) else _escaped(child)


def _escaped(text: object) -> str:
    return html.escape(plain(text, keep_lines=True))
