"""The command line that every specimen's `train.py` has.

Without options it trains from nothing, replaces the files in its folder and reports. With `--out`
it trains elsewhere, to compare; with `--train` it reports nothing; with `--measure` or `--scores`
it trains nothing, and says what is there, in Markdown or as JSON.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from scoring import Score


@dataclass(frozen=True)
class Recipe:
    """How one specimen is made and measured.

    Attributes:
        folder: where the committed specimen is.
        make: trains from nothing with a seed, and saves below a folder.
        report: the figures of the model card, in Markdown, of what was saved in a folder by
            training with a seed.
        scores: the headline scores of the same.
    """

    folder: Path
    make: Callable[[Path, int], None]
    report: Callable[[Path, int], str]
    scores: Callable[[Path, int], list[Score]]


def run(recipe: Recipe) -> None:
    """Does what the command line asks for."""
    arguments = _parse(recipe)
    torch.set_num_threads(arguments.threads)
    if arguments.scores:
        scores = recipe.scores(arguments.out, arguments.seed)
        print(json.dumps([asdict(score) for score in scores], indent=1))
        return
    if not arguments.measure:
        began = time.monotonic()
        recipe.make(arguments.out, arguments.seed)
        print(f"trained in {time.monotonic() - began:.0f} s", flush=True)
    if not arguments.train:
        # Always measure what was saved, as whoever loads the specimen will get it.
        print(recipe.report(arguments.out, arguments.seed))


def _parse(recipe: Recipe) -> argparse.Namespace:
    name = recipe.folder.name
    parser = argparse.ArgumentParser(
        description=f"Train the {name} specimen from nothing in a few minutes on one CPU thread, "
        "then print what its heads do beside the untrained model.",
        epilog=f"Examples:  train.py --out {name}-again   trains elsewhere, to compare;  "
        "train.py --measure   only measures what is there.  "
        "The same seed on the same torch version gives the same model.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=recipe.folder,
        metavar="FOLDER",
        help="where the model and tokenizer are written, or read when nothing is trained "
        "(default: this script's folder, replacing the committed specimen)",
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--train", action="store_true", help="train and save; report nothing")
    only.add_argument(
        "--measure", action="store_true", help="train nothing; report on the model in FOLDER"
    )
    only.add_argument(
        "--scores",
        action="store_true",
        help="train nothing; print the headline scores of the model in FOLDER as JSON",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seeds weights and training data (default: 0)"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    return parser.parse_args()
