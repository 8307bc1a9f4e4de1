"""Trains the `pronoun` specimen from nothing, or measures the committed one.

The model is a small BERT with a tokenizer of whole words, both made here from the sentences of
`grammar.py`. Nothing but the loss on spoilt words trains it (see `masked_words`): the grammar knows
the antecedents, training is not told them, and no term of the loss concerns attention.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

# Found through the line above, as this is a script.
import masked_words  # noqa: E402
import measure  # noqa: E402
import recipe  # noqa: E402
from grammar import RIVALS, sentences, vocabulary  # noqa: E402
from masked_words import load  # noqa: E402

N_STEPS = 4500


def make(out: Path, seed: int) -> None:
    """Trains the model and saves it with its tokenizer."""
    masked_words.make(out, seed, N_STEPS, vocabulary(), sentences(seed), RIVALS)


if __name__ == "__main__":
    recipe.run(
        recipe.Recipe(
            HERE,
            make,
            report=lambda folder, seed: measure.report(*load(folder, seed)),
            scores=lambda folder, seed: measure.scores(*load(folder, seed)),
        )
    )
