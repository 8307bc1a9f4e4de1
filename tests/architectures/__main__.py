# ruff: noqa: TID253 - the libraries are what is measured here
"""Which architectures can be captured, and how what is captured compares with what they report.

Every model type of the installed transformers is built small and run, in a quarter of an hour. With
model types as arguments only those are, and each verdict is shown. With ``--write``, as `make
support` runs it, the verdicts are recorded and the page of the site that tells of them is written.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))
# The processes that share the work find their neighbours the same way.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TESTS), os.getenv("PYTHONPATH")]))

import torch
import transformers

from architectures import page, record
from architectures.configurations import model_types
from architectures.sweep import sweep
from architectures.verdict import EXCEPTIONS, Verdict


def main() -> None:
    """Print the counts, and each exception with its reason."""
    wanted = [name for name in sys.argv[1:] if name != "--write"]
    names = wanted or model_types()
    n_told = 0

    def tell(verdict: Verdict) -> None:
        nonlocal n_told
        n_told += 1
        print(f"{n_told}/{len(names)} {verdict.model_type}: {verdict.outcome}", file=sys.stderr)

    verdicts = sweep(names, tell)
    print(f"transformers {transformers.__version__}, {len(names)} model types")
    print("\n| verdict | model types |\n| --- | --- |")
    for outcome, n_types in Counter(verdict.outcome for verdict in verdicts).most_common():
        print(f"| {outcome} | {n_types} |")
    print()
    for verdict in verdicts:
        if wanted or verdict.outcome in EXCEPTIONS:
            print(f"- {verdict}")
    if "--write" in sys.argv:
        versions = transformers.__version__, torch.__version__.split("+")[0]
        found = record.Record(*versions, tuple(verdicts))
        record.save(found)
        page.FILE.write_text(page.text_of(found), "utf-8")


if __name__ == "__main__":
    main()
