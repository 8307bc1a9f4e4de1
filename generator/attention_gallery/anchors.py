"""Ids of headings in prose, kept apart from those of the figures on the same page.

Links lead to figures by ids for as long as a site stands, so a heading of the same id gets another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import count

_ID = re.compile(r'(?<=\sid=")[^"]*(?=")')
_HEADING = re.compile(r"<(h[1-6])\s[^>]*>.*?</\1>", re.DOTALL)


def ids(html: str) -> set[str]:
    """All ids in HTML."""
    return set(_ID.findall(html))


def told_apart(html: str, taken: Iterable[str]) -> tuple[str, Mapping[str, str]]:
    """Rename headings whose ids others have, as Python-Markdown does: ``edges_1``.

    Args:
        html: The prose of a page.
        taken: Ids of what stands on the page besides.

    Returns:
        The prose, with links in a heading to itself; and the new ids by those they replace.
    """
    others = set(taken)
    used = ids(html) | others
    new: dict[str, str] = {}

    def heading(match: re.Match[str]) -> str:
        found = _ID.search(match[0], 0, match[0].index(">"))
        if not found or found[0] not in others:
            return match[0]
        old = found[0]
        if old not in new:
            free = (f"{old}_{n}" for n in count(1))
            new[old] = next(name for name in free if name not in used)
            used.add(new[old])
        return re.sub(rf'(?<=\s)(id="|href="#){re.escape(old)}(?=")', rf"\g<1>{new[old]}", match[0])

    return _HEADING.sub(heading, html), new
