"""How many bytes a site may have: what its author wants, and what GitHub Pages takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from attention_gallery.errors import InputError, SiteError, as_bytes, choices, quoted
from attention_gallery.weight import Weight, largest

LIMIT = 1_000_000_000
"""What GitHub Pages takes: "published sites may be no larger than 1 GB"."""

_NAMED = 5  # in a message
_LIGHTER = "name fewer `heads` or `views`, shorten the text, or set the plugin's option `downloads`"


@dataclass(frozen=True, slots=True)
class Budget:
    """How many bytes there may be before an author is warned.

    Attributes:
        exhibit: Of an exhibit's page and its files, the downloads among them.
        page: Of a page and all that a browser loads with it; Vega alone has 900,000.
        site: Of everything.
    """

    exhibit: int = 2_000_000
    page: int = 2_000_000
    site: int = 200_000_000


_SIZE = re.compile(r"(?P<number>[0-9]{1,12}(?:\.[0-9]{1,12})?) *(?P<unit>[kmg]?b)?", re.IGNORECASE)
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}


def read_budget(written: object) -> Budget:
    """A budget as an author writes it: ``{exhibit: 500 kB, page: 1.5 MB}``.

    Raises:
        InputError: It names something else, or a size that is none.
    """
    if not isinstance(written, Mapping):
        raise InputError("a budget is a mapping", hint="write {exhibit: 500 kB, site: 200 MB}")
    known = [field.name for field in fields(Budget)]
    for name in written:
        if name not in known:
            raise InputError(f"{quoted(str(name))} has no budget", hint=choices(str(name), known))
    return Budget(**{name: _read_size(size) for name, size in written.items()})


def _read_size(written: object) -> int:
    match = _SIZE.fullmatch(str(written).strip()) if type(written) in (int, float, str) else None
    size = round(float(match["number"]) * _UNITS[(match["unit"] or "b").lower()]) if match else 0
    if not size:
        raise InputError(
            f"{quoted(str(written))} is not a size", hint="write one such as 500 kB, 1.5 MB or 1 GB"
        )
    return size


def excess(weight: Weight, budget: Budget) -> list[str]:
    """Lines about what is above a budget, the largest first, with what would make it smaller."""
    found = []
    for noun, sizes, most, hint in (
        ("exhibit", weight.exhibits, budget.exhibit, _LIGHTER),
        ("page", weight.pages, budget.page, "split long pages, or show fewer charts on each"),
    ):
        above = [(name, size) for name, size in largest(sizes) if size > most]
        if above:
            found.append(f"{_listed(above, noun)} above the budget of {as_bytes(most)}; {hint}")
    if weight.total > budget.site:
        found.append(
            f"the site has {as_bytes(weight.total)}, above its budget of {as_bytes(budget.site)}; "
            f"the largest: {_named(largest(weight.exhibits))}"
        )
    return found


def check_limit(weight: Weight) -> None:
    """See that GitHub Pages will take a site.

    Raises:
        SiteError: It is too large.
    """
    if weight.total > LIMIT:
        raise SiteError(
            f"the site has {as_bytes(weight.total)}, more than the {as_bytes(LIMIT)} that GitHub "
            f"Pages takes; the largest exhibits: {_named(largest(weight.exhibits))}",
            hint=_LIGHTER,
        )


def _listed(above: list[tuple[str, int]], noun: str) -> str:
    return f"{len(above)} {noun}{'s' if len(above) > 1 else ''} ({_named(above)})"


def _named(ordered: list[tuple[str, int]]) -> str:
    more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
    return ", ".join(f"{name} {as_bytes(size)}" for name, size in ordered[:_NAMED]) + more
