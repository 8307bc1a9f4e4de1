"""What git answers."""

from __future__ import annotations

import subprocess


def answer(*arguments: str) -> str:
    """What git says in the working directory; nothing where it fails.

    Names and paths may be in any encoding; what is not UTF-8 becomes a replacement character.

    Raises:
        OSError: There is no git that can be run.
    """
    done = subprocess.run(  # noqa: S603  no shell; what authors name comes after "--"
        ["git", *arguments],  # noqa: S607  the git of whoever runs the command
        capture_output=True, check=False, encoding="utf-8", errors="replace",
    )  # fmt: skip
    return done.stdout.strip() if done.returncode == 0 else ""
