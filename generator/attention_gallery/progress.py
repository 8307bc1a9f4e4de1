"""How long work tells what it is doing, and who shows it: nobody here prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias, TypeVar

T = TypeVar("T")

Announce: TypeAlias = Callable[[str], None]
"""Something that can be told, in a few words, what is being done now."""


def unheard(_doing: str) -> None:
    """Tell nobody."""


class Track(Protocol):
    """Something that shows progress while it passes through what some work yields."""

    def __call__(
        self, work: Callable[[Announce], Iterable[T]], label: str, length: int, /
    ) -> Iterable[T]:
        """Yield what `work` does.

        Args:
            work: May announce what it is about to do, where that takes long.
            label: Shown until something is announced.
            length: How many things `work` yields.
        """


def silently(work: Callable[[Announce], Iterable[T]], _label: str, _length: int, /) -> Iterable[T]:
    """Show nothing."""
    return work(unheard)
