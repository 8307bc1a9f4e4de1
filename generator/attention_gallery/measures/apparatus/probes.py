"""Probes: sentences made so that it is known where a head of some pattern would look.

Most are random words said twice. They mean nothing, so nothing but the pattern can draw a head
there; that the second saying is foreseeable is the point. Some patterns are of real sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attention_gallery.capture.feeds import context, placed
from attention_gallery.capture.model.loading import LoadedModel
from attention_gallery.capture.seam.towers import image_id, reader, sees_and_reads
from attention_gallery.capture.text.tokens import read
from attention_gallery.errors import CaptureError, ModelError
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.terms import AttentionKind, Pattern, Token

Wanted = Mapping[Pattern, NDArray[np.bool_]]
"""Where a head of each pattern looks, ``[query, key]``; a row without any is not asked."""

N_PROBES, LENGTH = 8, 25
_SETTLED = 4  # words after which a head that looks at the first token has others to look at
_SHORTEST = _SETTLED + 2  # words of a saying

# Words long and rare enough that most vocabularies have them in pieces.
_SENTENCES = (
    "The photosynthesis of subtropical eucalyptus trees surprised the paleontologists.",
    "Counterintuitively, the kaleidoscope mesmerised seventeen unimpressed schoolchildren.",
    "An ophthalmologist from Kyrgyzstan repaired the xylophone with remarkable gentleness.",
    "Rhinoceroses and hippopotamuses quarrelled beside the crystalline waterfalls.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A sentence, and where heads of some patterns look on it.

    Attributes:
        run: The sentence as a model is fed it.
        wanted: By kind of attention. Kinds that the model does not have do no harm.
    """

    run: Run
    wanted: Mapping[AttentionKind, Wanted]


def said_twice(
    loaded: LoadedModel, *, n_probes: int = N_PROBES, length: int = LENGTH, seed: int = 0
) -> tuple[Probe, ...]:
    """Random words, said twice, with the special tokens that the model expects around a text.

    The words are those that the tokenizer would make of themselves: no special token, no half of a
    character. None comes twice in a saying. The decoder of a pair is fed the same words after its
    start token.

    Patterns are asked of all words, but for two. What is foreseeable draws a head away from the
    first token, so that is asked of the first saying, from its fifth word on. Induction is asked of
    the second saying, without its last word.

    Args:
        loaded: A model that reads text.
        n_probes: How many.
        length: Words of a saying; fewer where a model cannot read twice as many.
        seed: Of the words.

    Raises:
        CaptureError: When the model is fed something else than text.
        ModelError: When it reads too few tokens, or knows too few words.
    """
    tokenizer = _tokenizer(loaded)
    before, after = _frame(tokenizer)
    network = _stack(loaded)
    is_pair = network.config.is_encoder_decoder
    length = n_words(loaded, length)
    rng = np.random.default_rng(seed)
    n_known = network.get_input_embeddings().weight.shape[0]
    words = _ordinary(tokenizer, rng.permutation(min(len(tokenizer), n_known)))
    known = [word for word, _ in zip(words, range(n_probes * length), strict=False)]
    if len(known) < length:
        raise ModelError(f"the tokenizer knows {len(known)} words, too few for a probe")
    probes = []
    for _ in range(n_probes):
        said = [int(word) for word in rng.permutation(known)[:length]] * 2
        wanted = _of_sayings(len(before), length, len(after))
        of_kinds: dict[AttentionKind, Wanted] = {"encoder": wanted, "decoder": wanted}
        inputs: dict[str, Sequence[int]] = {"input_ids": [*before, *said, *after]}
        if is_pair:  # it shifts what it is to write by itself, as it does for a target
            inputs["labels"] = [*said, *(after or said[:1])]
            of_kinds["decoder"] = _of_sayings(1, length, len(inputs["labels"]) - 2 * length - 1)
        probes.append(Probe(_run(loaded, inputs), of_kinds))
    return tuple(probes)


def n_words(loaded: LoadedModel, length: int = LENGTH) -> int:
    """How many words a saying has: fewer than wanted where a model cannot read twice as many.

    Raises:
        CaptureError: When the model is fed something else than text.
        ModelError: When it reads too few tokens.
    """
    before, after = _frame(_tokenizer(loaded))
    most = _most(loaded)
    length = min(length, (most - len(before) - len(after) - 1) // 2)
    if length < _SHORTEST:
        raise ModelError(f"the model reads {most} tokens at most, too few for a probe")
    return length


def sentences(loaded: LoadedModel) -> tuple[Probe, ...]:
    """Real sentences, in which the model reads some words piece by piece.

    Those of which the tokenizer does not know some part are left out: nothing may be left for a
    model that knows other languages, or whole words only.

    Args:
        loaded: A model that reads text.

    Raises:
        CaptureError: When the model is fed something else than text.
    """
    tokenizer = _tokenizer(loaded)
    probes = []
    for text in _SENTENCES:
        tokens = read(tokenizer, text).tokens
        wanted = _of_words(tokens)
        unknown = any(token.id == tokenizer.unk_token_id for token in tokens)
        if unknown or not wanted.any() or len(tokens) > _most(loaded):
            continue
        inputs = {"input_ids": [token.id for token in tokens]}
        of_kinds: dict[AttentionKind, Wanted] = {"encoder": {"same-word": wanted}}
        if _stack(loaded).config.is_encoder_decoder:
            inputs["labels"] = inputs["input_ids"]
        else:
            of_kinds["decoder"] = of_kinds["encoder"]
        probes.append(Probe(_run(loaded, inputs), of_kinds))
    return tuple(probes)


def aligned(run: Run, shape: tuple[int, int], links: Iterable[tuple[int, Sequence[int]]]) -> Probe:
    """A translation whose words are known to belong to words of the other text.

    Args:
        run: A pair, fed both texts.
        shape: How many queries and keys its cross-attention has.
        links: For some rows of it the columns that each belongs to; a row is that of the token
            that *predicts* the word.
    """
    wanted = np.zeros(shape, dtype=bool)
    for row, columns in links:
        wanted[row, list(columns)] = True
    return Probe(run, {"cross": {"alignment": wanted}})


def _of_sayings(n_before: int, length: int, n_after: int) -> Wanted:
    """Where heads look on words that are said twice.

    Args:
        n_before: How many tokens stand before the words.
        length: How many words there are in a saying.
        n_after: How many special tokens stand after the words.
    """
    n_tokens = n_before + 2 * length + n_after
    first = np.arange(n_before, n_before + length)
    second = first + length
    both = np.concatenate([first, second])

    def where(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.bool_]:
        wanted = np.zeros((n_tokens, n_tokens), dtype=bool)
        wanted[rows, columns] = True
        return wanted

    ends = where(both[:, None], np.arange(n_tokens - n_after, n_tokens))
    found: dict[Pattern, NDArray[np.bool_]] = {
        "previous-token": where(both[1:], both[:-1]),
        "next-token": where(both[:-1], both[1:]),
        "first-token": where(first[_SETTLED:], np.zeros(1, dtype=np.intp)),
        "self": where(both, both),
        "duplicate-token": where(first, second) | where(second, first),
        # After the last word of the first saying comes the second, which is no copy of anything.
        "induction": where(second[:-1], first[1:]),
        "separator": ends,
    }
    return {pattern: wanted for pattern, wanted in found.items() if wanted.any()}


def _of_words(tokens: Sequence[Token]) -> NDArray[np.bool_]:
    """For each token which others are pieces of its word, ``[query, key]``."""
    words = np.array([token.word for token in tokens])
    same: NDArray[np.bool_] = (words[:, None] == words) & (words >= 0)
    return same & ~np.eye(len(words), dtype=bool)


def _tokenizer(loaded: LoadedModel) -> Any:
    """What cuts the text of a model that reads.

    Raises:
        CaptureError: When it is fed something else.
    """
    if loaded.tokenizer is None or _stack(loaded).main_input_name != "input_ids":
        raise CaptureError(
            f"{type(loaded.network).__name__} is not fed text",
            hint="what heads do is probed with words; choose a model that reads",
        )
    return loaded.tokenizer


def _stack(loaded: LoadedModel) -> Any:
    """What of a model is run on a text alone, as feeds have it."""
    apart = sees_and_reads(loaded.network) and image_id(loaded.network) is None
    return (reader(loaded.network) if apart else None) or loaded.network


def _most(loaded: LoadedModel) -> int:
    """How many tokens a model reads, and a pair writes."""
    config = _stack(loaded).config
    configs = [config.get_text_config()]
    if config.is_encoder_decoder:
        configs = [config.get_text_config(encoder=True), config.get_text_config(decoder=True)]
    return min(context(one, loaded.tokenizer) for one in configs)


def _frame(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The special tokens that a tokenizer puts before a text, and after it."""
    tokens = read(tokenizer, "a").tokens
    own = [i for i, token in enumerate(tokens) if not token.special]
    ids = [token.id for token in tokens]
    return ids[: own[0]], ids[own[-1] + 1 :]


def _ordinary(tokenizer: Any, ids: Iterable[int]) -> Iterator[int]:
    """Those of some tokens that a text consists of when it says what they say."""
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    for id_ in map(int, ids):
        if id_ not in special:
            said = tokenizer.decode([id_])
            if said.strip() and tokenizer(said, add_special_tokens=False)["input_ids"] == [id_]:
                yield id_


def _run(loaded: LoadedModel, inputs: Mapping[str, Sequence[int]]) -> Run:
    import torch

    fed = {name: torch.tensor([list(ids)]) for name, ids in inputs.items()}
    fed["attention_mask"] = torch.ones_like(fed["input_ids"])
    if "labels" in fed:  # a start token may be the padding token too, which some models hide
        fed["decoder_attention_mask"] = torch.ones_like(fed["labels"])
    return Run(_stack(loaded), placed(loaded, fed), tuple(inputs["input_ids"]))
