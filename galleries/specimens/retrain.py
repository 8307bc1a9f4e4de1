"""Makes the specimens again, beside the committed ones, and compares what their heads do.

The committed models are read, never written. Another machine or another torch rounds differently,
so a specimen made again is another model, maybe with other heads for the same jobs; what it is here
for should come out all the same. Run by `make specimens`.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent

# How far a score may lie below the committed one. Other seeds move the scores by a few hundredths;
# a head that did not form leaves its score at the untrained level, several tenths below. Where the
# untrained level is nearer than twice this, half of the way to it is too much.
TOLERANCE = 0.1


class TrainingError(Exception):
    """A specimen's script failed; what it said has been printed."""


@dataclass(frozen=True)
class Comparison:
    """A score of the committed specimen, and the same of the one made again.

    Attributes:
        score: what is measured.
        untrained: the score of the model the committed one was trained from.
        committed: its score now, between 0 and 1; larger is more.
        head: its head that has the score; empty where no head is meant.
        retrained: the score of the specimen made again; none where nothing was trained.
        retrained_head: its head that has the score.
    """

    score: str
    untrained: float
    committed: float
    head: str = ""
    retrained: float | None = None
    retrained_head: str = ""

    @property
    def fell(self) -> bool:
        """Whether the specimen made again is clearly worse; not being a number is worse too."""
        if self.retrained is None:
            return False
        allowed = min(TOLERANCE, abs(self.committed - self.untrained) / 2)
        return not self.retrained >= self.committed - allowed


@dataclass(frozen=True)
class Specimen:
    """What is known of a specimen when all is done.

    Attributes:
        name: its folder.
        n_parameters: how many parameters its model has, as stored.
        n_bytes: the size of all its files of weights, those of twins and checkpoints included.
        comparisons: its scores.
        seconds: how long training took; none where nothing was trained.
    """

    name: str
    n_parameters: int
    n_bytes: int
    comparisons: list[Comparison]
    seconds: float | None = None


def compare(
    committed: list[dict[str, Any]], retrained: list[dict[str, Any]] | None
) -> list[Comparison]:
    """Puts scores side by side.

    Args:
        committed: what `train.py --scores` says of the committed specimen.
        retrained: what it says of the one made again, in the same order; none where none was made.
    """
    again = retrained or [{"trained": None, "head": ""}] * len(committed)
    return [
        Comparison(
            score=one["name"],
            untrained=one["untrained"],
            committed=one["trained"],
            head=one["head"],
            retrained=other["trained"],
            retrained_head=other["head"],
        )
        for one, other in zip(committed, again, strict=True)
    ]


def table(specimens: list[Specimen]) -> str:
    """Writes all scores as one Markdown table.

    Args:
        specimens: at least one; all retrained, or none of them.
    """
    rows = [_cells(specimen, one) for specimen in specimens for one in specimen.comparisons]
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(specimen: Specimen, one: Comparison) -> dict[str, str]:
    """Words one row of the table, by column; the specimen is told about in its first row only."""
    is_first = one is specimen.comparisons[0]
    cells = {
        "specimen": specimen.name if is_first else "",
        "parameters": f"{specimen.n_parameters:,}" if is_first else "",
        "file size": f"{specimen.n_bytes / 1e6:.2f} MB" if is_first else "",
    }
    if specimen.seconds is not None:
        cells["training time"] = f"{specimen.seconds:.0f} s" if is_first else ""
    cells |= {"score": one.score, "committed": f"{one.committed:.3f}"}
    if one.retrained is not None:
        cells["retrained"] = f"{one.retrained:.3f}{' (fell)' if one.fell else ''}"
    cells["untrained"] = f"{one.untrained:.3f}"
    # The head made again for the same job is often another one.
    cells["best head"] = " / ".join(filter(None, (one.head, one.retrained_head)))
    return cells


def parameters(weights: Path) -> int:
    """Counts the parameters in a safetensors file from its header, which says every shape."""
    with weights.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(math.prod(t["shape"]) for name, t in header.items() if name != "__metadata__")


def examine(name: str, out: Path | None) -> Specimen:
    """Makes one specimen again and measures it, and measures the committed one.

    Args:
        name: the specimen.
        out: where to make it; none to train nothing.

    Raises:
        TrainingError: its script failed.
    """
    seconds = None
    if out:
        began = time.monotonic()
        _run(name, "--train", "--out", str(out), show=True)
        seconds = time.monotonic() - began
        print(f"{name}: done in {seconds:.0f} s; measuring", flush=True)
    try:
        committed = json.loads(_run(name, "--scores"))
        retrained = json.loads(_run(name, "--scores", "--out", str(out))) if out else None
        scores = compare(committed, retrained)
    except ValueError as error:  # no JSON, or other scores than those of the committed one
        raise TrainingError(f"{name}: its scores cannot be compared: {error}") from error
    return Specimen(
        name,
        parameters(HERE / name / "model.safetensors"),
        sum(file.stat().st_size for file in (HERE / name).rglob("*.safetensors")),
        scores,
        seconds,
    )


def _run(name: str, *options: str, show: bool = False) -> str:
    """Runs a specimen's script and returns what it says, shown line by line if wished."""
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, str(HERE / name / "train.py"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if show else None,
        # No progress bars of saving and loading.
        env={**os.environ, "TQDM_DISABLE": "1"},
        text=True,
        encoding="utf-8",
    ) as process:
        said = []
        for line in process.stdout or ():
            said.append(line)
            if show:
                print(f"{name}: {line}", end="", flush=True)
    if process.returncode != 0:
        raise TrainingError(f"{name}: train.py {' '.join(options)} failed")
    return "".join(said)


def main() -> int:
    """Does what the command line asks for and returns the exit status."""
    arguments = _parse()
    out: Path = arguments.out.resolve()
    specimens: list[Specimen] = []
    complaints: list[str] = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        jobs = [
            pool.submit(examine, name, None if arguments.only_scores else out / name)
            for name in arguments.names
        ]
        for job in jobs:
            try:
                specimens.append(job.result())
            except TrainingError as error:
                complaints.append(str(error))
            except KeyboardInterrupt:
                pool.shutdown(cancel_futures=True)
                raise
    complaints += [
        f"{specimen.name}: {one.score} fell from {one.committed:.3f} to {one.retrained:.3f}"
        for specimen in specimens
        for one in specimen.comparisons
        if one.fell
    ]
    if specimens:
        print(f"\n{table(specimens)}\n")
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


def _parse() -> argparse.Namespace:
    known = sorted(script.parent.name for script in HERE.glob("*/train.py"))
    parser = argparse.ArgumentParser(
        description="Train specimens again from nothing, without touching the committed ones, and "
        "print their scores side by side as a Markdown table.",
        epilog=f"The status is 1 if a script failed, or if a score lies more than {TOLERANCE} "
        "below the committed one: then what the specimen is here for did not form. "
        "Example: retrain.py story fr-en",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"specimens (default: all: {', '.join(known)})"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=2,
        help="how many to train at the same time, on one CPU thread each (default: 2)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=CHECKOUT / "build" / "specimens",
        metavar="FOLDER",
        help="where they are made, each in a folder of its name (default: build/specimens)",
    )
    parser.add_argument(
        "--only-scores",
        action="store_true",
        help="train nothing; print the scores of the committed specimens",
    )
    arguments = parser.parse_args()
    arguments.names = list(dict.fromkeys(arguments.names or known))
    if arguments.jobs < 1:
        parser.error("--jobs is at least 1")
    if unknown := sorted(set(arguments.names) - set(known)):
        parser.error(f"no such specimen: {', '.join(unknown)}; there are {', '.join(known)}")
    if arguments.out.resolve() == HERE:
        parser.error("--out would replace the committed specimens; choose another folder")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
