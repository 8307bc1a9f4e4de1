"""The verdicts of the last sweep, kept beside the tests, with the versions they hold for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from architectures.verdict import Verdict

FILE = Path(__file__).with_name("record.json")


@dataclass(frozen=True, slots=True)
class Record:
    """What a sweep found.

    Attributes:
        transformers: The version of the library whose model types these are.
        torch: The version they ran on.
        verdicts: By the name of the type.
    """

    transformers: str
    torch: str
    verdicts: tuple[Verdict, ...]


def load() -> Record:
    """The record as it was written last."""
    kept: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return Record(
        kept["transformers"],
        kept["torch"],
        tuple(Verdict(**verdict) for verdict in kept["verdicts"]),
    )


def save(record: Record) -> None:
    """Write a record, a line for each verdict, so that a diff shows what changed."""
    lines = [json.dumps(_told(verdict)) for verdict in record.verdicts]
    versions = f'"transformers": "{record.transformers}",\n"torch": "{record.torch}"'
    rows = ",\n".join(lines)
    FILE.write_text(f'{{\n{versions},\n"verdicts": [\n{rows}\n]\n}}\n', "utf-8")


def _told(verdict: Verdict) -> dict[str, Any]:
    """What there is to tell of a verdict; differences to one digit, which machines agree on."""
    told = {name: value for name, value in asdict(verdict).items() if value}
    if "difference" in told:
        told["difference"] = float(f"{verdict.difference:.0e}")
    return told
