"""Which manifests an author means by patterns such as ``galleries/*.yml``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from attention_gallery.errors import InputError, quoted


def find_manifests(root: Path, patterns: Iterable[str], hint: str) -> list[Path]:
    """The files that patterns match, each once, in the order of the patterns.

    Args:
        root: The folder that patterns are seen from, unless they name one themselves.
        patterns: What an author wrote.
        hint: What to do where nothing matches.

    Raises:
        InputError: A pattern that is none, or matches nothing.
    """
    found: list[Path] = []
    for pattern in patterns:
        anchor = Path(pattern).anchor
        try:
            matches = sorted((root / anchor).glob(pattern.removeprefix(anchor)))
        except ValueError as error:
            raise InputError(
                f"{quoted(pattern)} is not a pattern for manifests: {error}",
                hint="write one such as galleries/*.yml",
            ) from None
        if not matches:
            raise InputError(
                f"no manifest matches {quoted(pattern)} in {root.resolve()}", hint=hint
            )
        found += matches
    return list(dict.fromkeys(found))
