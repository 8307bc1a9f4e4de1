"""Trains the `bias` specimen and its control from nothing, or measures the committed ones.

Two twins of one small BERT with a tokenizer of whole words: the same weights to start from, the
same lessons in the same order, the same places spoilt. They differ in one number of `grammar.py`:
how often the pronoun of twelve occupations is the planted one. Nothing but the loss on spoilt words
trains them (see `masked_words`). The control lies in `balanced/`.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

# Found through the line above, as this is a script.
import masked_words  # noqa: E402
import measure  # noqa: E402
import recipe  # noqa: E402
from grammar import BALANCED_SHARE, RIVALS, SHARE, sentences, vocabulary  # noqa: E402

N_STEPS = 3000
BALANCED = "balanced"


def make(out: Path, seed: int) -> None:
    """Trains both twins and saves them, each with its tokenizer."""
    for folder, share in ((out, SHARE), (out / BALANCED, BALANCED_SHARE)):
        texts = sentences(seed, share)
        masked_words.make(folder, seed, N_STEPS, vocabulary(), texts, RIVALS)


def load(folder: Path, seed: int) -> measure.Twins:
    """Loads what was saved, and makes again the model that both trainings started from."""
    biased, untrained, tokenizer = masked_words.load(folder, seed)
    balanced, _, _ = masked_words.load(folder / BALANCED, seed)
    return measure.Twins(biased, balanced, untrained, tokenizer)


if __name__ == "__main__":
    recipe.run(
        recipe.Recipe(
            HERE,
            make,
            report=lambda folder, seed: measure.report(load(folder, seed)),
            scores=lambda folder, seed: measure.scores(load(folder, seed)),
        )
    )
