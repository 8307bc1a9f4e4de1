"""What can be read off the states of a layer by a line drawn through them.

A linear probe is trained to tell a label of a word from its state. That it succeeds says that the
label is *there*, not that the model uses it. And a probe may just learn words by heart, so that it
stands beside one that is trained on a control task: labels given to words at random, for which
nothing but learning by heart helps. What a probe can do beyond that is its selectivity.

What that does not settle: few labelled words are a small test, and differences within the spread of
repeats are none. Sentences are held out, words are not: where most tested words are also in
training, a label that belongs to a word wherever it stands is learnt by heart, and where there are
few different words, so is the control task.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from attention_gallery.capture.seam.intervention import answer
from attention_gallery.errors import CaptureError, GalleryError, InputError, quoted
from attention_gallery.labels import Label, LabelledSentences, read_labels
from attention_gallery.language import marked
from attention_gallery.measures.apparatus.embedding import Side
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.terms import CaptureRequest, Sentence, Token

if TYPE_CHECKING:
    from attention_gallery.measures.apparatus.case import Case

TITLE = marked("Probing")
READS: Literal["labels"] = "labels"
ASKS = False

_REPEATS = 5
_HELD_OUT = 0.3
_SEED = 0
_PENALTY = 1.0


@dataclass(frozen=True, slots=True)
class Example:
    """A word with a label.

    Attributes:
        sentence: Which of the sentences it is in, 0-based.
        tokens: Whose states it is told from, 0-based; of several, from their mean.
        label: What the probe is to tell.
        word: As it is spelled: equal words get the same random label.
    """

    sentence: int
    tokens: tuple[int, ...]
    label: str
    word: str


@dataclass(frozen=True, slots=True, eq=False)
class Probes:
    """How well labels are told from states, in tests on sentences that no probe was trained on.

    State 0 is what the first layer is given, state *n* what the *n*-th layer leaves.

    Attributes:
        accuracy: The share of labels that are told right, ``[repeat, state]``.
        control: The same for labels that were given to words at random, ``[repeat, state]``.
        majority: The same for saying what is most frequent in training, ``[repeat]``.
        n_trained: How many words probes are trained on, ``[repeat]``.
        n_tested: How many they are tested on, ``[repeat]``.
        known: The share of tested words that are trained on too, in other sentences, ``[repeat]``.
    """

    accuracy: NDArray[np.float64]
    control: NDArray[np.float64]
    majority: NDArray[np.float64]
    n_trained: NDArray[np.int64]
    n_tested: NDArray[np.int64]
    known: NDArray[np.float64]

    @property
    def selectivity(self) -> NDArray[np.float64]:
        """How much better labels are told than random ones, ``[repeat, state]``.

        Source: Hewitt and Liang 2019, "Designing and Interpreting Probes with Control Tasks",
        arXiv:1909.03368, section 2.
        """
        return self.accuracy - self.control


def measure(case: Case) -> tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]:
    """Probe a model for labels that an author gave to words, or to whole texts.

    A word is told from the state of its last token: in a model that reads from left to right, the
    first that can have seen the whole word. A text is told from the mean of the states of its
    tokens, without those that the tokenizer added: what its words say taken together, in whatever
    order. Of a pair, the encoder is probed.

    Arrays, all float64: ``accuracy`` and ``control`` ``[repeat, state]`` and ``majority``
    ``[repeat]``, shares of tests from 0 to 1; see `Probes`.

    Facts: ``labels``, how often each is given, the most frequent first; ``of``, ``words`` or
    ``texts``; ``states``, what each state is called; ``file``, the name of the file of labels;
    ``n_sentences`` in it, ``n_words``, how many different words or texts have a label; ``n_train``,
    ``n_test`` and ``known``, means over repeats of what `Probes` has; ``repeats``, ``held_out``
    and ``seed``, see `probe`; ``penalty``, the C of scikit-learn; ``side``, whose states they are.

    Raises:
        GalleryError: When the file of labels, or the model, is not of a kind that can be probed.
    """
    given = read_labels(Path(case.request.labels), case.request.labels_digest)
    examples: list[Example] = []
    found = probe(_runs(case, given, examples), examples, repeats=_REPEATS, seed=_SEED)
    arrays = {
        "accuracy": found.accuracy,
        "control": found.control,
        "majority": found.majority,
    }
    n_layers = found.accuracy.shape[1] - 1
    facts = {
        "labels": given.counts,
        "of": "texts" if given.of_texts else "words",
        "states": ["words", *(f"after L{layer}" for layer in range(n_layers))],
        "file": Path(given.file).name,
        "n_sentences": len(given.texts),
        "n_words": len({label.word for label in given.labels}),
        "n_train": float(found.n_trained.mean()),
        "n_test": float(found.n_tested.mean()),
        "known": float(found.known.mean()),
        "repeats": _REPEATS,
        "held_out": _HELD_OUT,
        "seed": _SEED,
        "penalty": _PENALTY,
        "side": "encoder" if _is_pair(case) else "",
    }
    return arrays, facts


def _is_pair(case: Case) -> bool:
    return bool(case.loaded.network.config.is_encoder_decoder)


def _runs(case: Case, given: LabelledSentences, examples: list[Example]) -> Iterator[Run]:
    """The model on one sentence after the other; its examples are noted as it is read.

    Raises:
        GalleryError: When one does not fit the model; with its place in the file.
    """
    from attention_gallery.capture.feeds import prepare

    labels: dict[int, list[Label]] = {}
    for label in given.labels:
        labels.setdefault(label.sentence, []).append(label)
    for number, own in labels.items():
        text = given.texts[number]
        # A decoder would write a target of its own, word by word; its encoder does not see any.
        sentence = Sentence(case.request.measure, text, target=text if _is_pair(case) else "")
        try:
            feed = prepare(case.loaded, CaptureRequest("", case.request.model, sentence))
        except GalleryError as fault:
            where = fault.where or own[0].where
            raise type(fault)(fault.message, where, fault.hint) from None
        for label in own:
            tokens = _tokens(label, feed.tokens)
            examples.append(Example(number, tokens, label.name, label.word))
        yield Run.of(case.loaded, feed)


def _tokens(label: Label, tokens: Sequence[Token]) -> tuple[int, ...]:
    """The tokens that a label is told from.

    Raises:
        InputError: When it is not known which they are.
    """
    if label.span is None:
        found = [i for i, token in enumerate(tokens) if not token.special]
    else:
        start, end = label.span
        spans = ((i, token.span) for i, token in enumerate(tokens))
        found = [i for i, span in spans if span and span[0] < end and start < span[1]][-1:]
    if not found:
        raise InputError(
            f"which tokens of the model are {quoted(label.word)} cannot be told",
            label.where,
            "leave it out, or choose another model",
        )
    return tuple(found)


def probe(
    sentences: Iterable[Run],
    examples: Sequence[Example],
    side: Side = "encoder",
    *,
    repeats: int = _REPEATS,
    held_out: float = _HELD_OUT,
    seed: int = _SEED,
) -> Probes:
    """Train probes on the states of each layer, and test them on sentences that were held out.

    Each is a logistic regression on states scaled to unit variance, with scikit-learn's usual
    penalty. In the control task each word, as it is spelled, keeps one label, drawn as often as
    labels are; of whole texts each text. Splits and draws are made anew for each repeat: one small
    test says little.

    Source: Alain and Bengio 2016, "Understanding Intermediate Layers Using Linear Classifier
    Probes", arXiv:1610.01644; Hewitt and Liang 2019, arXiv:1909.03368, section 2 (control tasks).

    Args:
        sentences: One model on several sentences: those of the examples, in order. Each is run
            once, and not kept.
        examples: Words of them, with labels, in the order of sentences. They may be known no
            earlier than their sentences.
        side: Of a pair, whose states; of other models there is one.
        repeats: How often it is all done.
        held_out: The share of sentences that probes are tested on.
        seed: Of splits and of random labels.

    Raises:
        InputError: When the labels are too few to train on and to test.
        CaptureError: When the model does not tell its states, or scikit-learn is missing.
    """
    learn = _learner()
    seen = _seen(sentences, examples, side)
    _check(examples)
    words = np.array([one.word for one in examples])
    labels = np.array([one.label for one in examples])
    draw = np.random.default_rng(seed)
    found: list[tuple[Any, ...]] = []
    for _ in range(repeats):
        tested = _tested(examples, held_out, draw)
        control = _at_random(words, labels, draw)
        common, counts = np.unique(labels[~tested], return_counts=True)
        found.append(
            (
                [
                    learn(state[~tested], labels[~tested], state[tested], labels[tested])
                    for state in seen
                ],
                [
                    learn(state[~tested], control[~tested], state[tested], control[tested])
                    for state in seen
                ],
                (labels[tested] == common[counts.argmax()]).mean(),
                (~tested).sum(),
                tested.sum(),
                np.isin(words[tested], words[~tested]).mean(),
            )
        )
    return Probes(*(np.array(column) for column in zip(*found, strict=True)))


def states(run: Run, side: Side = "encoder") -> NDArray[np.float32]:
    """The states of all tokens, as the library tells them.

    Args:
        run: The model, and the sentence.
        side: Of a pair, whose states.

    Returns:
        ``[state, token, dimension]``. Many models norm the last one before they tell it.

    Raises:
        CaptureError: When the model does not tell its states.
    """
    import torch

    network = run.network
    name = f"{side}_hidden_states" if network.config.is_encoder_decoder else "hidden_states"
    with torch.no_grad():
        told = answer(network, {**run.inputs, "output_hidden_states": True}).get(name)
    if not told or len({state.shape for state in told}) > 1:
        raise CaptureError(
            f"{type(network).__name__} does not tell the states of its tokens layer by layer",
            hint="leave the measure out, or choose another model",
        )
    found: NDArray[np.float32] = torch.cat(list(told)).float().cpu().numpy()
    return found


def _seen(sentences: Iterable[Run], examples: Sequence[Example], side: Side) -> NDArray[np.float64]:
    """What each example is told from, ``[state, example, dimension]``.

    Raises:
        CaptureError: When the model does not tell its states, or they are no numbers.
    """
    found: list[NDArray[np.float64]] = []
    for number, sentence in enumerate(sentences):
        told = states(sentence, side).astype(np.float64)
        for one in examples[len(found) :]:
            if one.sentence != number:
                break
            found.append(told[:, list(one.tokens)].mean(axis=1))
    seen = np.stack(found, axis=1)
    if not np.isfinite(seen).all():
        raise CaptureError(
            "some states of the model are no finite numbers",
            hint="load it in another data type: dtype: float32",
        )
    return seen


def _check(examples: Sequence[Example]) -> None:
    """See that each label is in two sentences, one to train on and one to test.

    Raises:
        InputError: When it is not, or there is one label only.
    """
    sentences: dict[str, set[int]] = {}
    for one in examples:
        sentences.setdefault(one.label, set()).add(one.sentence)
    if len(sentences) < 2:
        raise InputError(
            "a probe needs two labels to tell apart",
            hint=f"all have the label {quoted(next(iter(sentences)))}" if sentences else "",
        )
    if rare := [label for label, found in sentences.items() if len(found) < 2]:
        raise InputError(
            f"the label {quoted(rare[0])} is in one sentence only, so that it cannot be trained on "
            "in one and tested in another",
            hint="label more sentences, or leave it out",
        )


def _tested(
    examples: Sequence[Example], held_out: float, draw: np.random.Generator
) -> NDArray[np.bool_]:
    """Which examples are tested: those of some sentences, so that all labels stay in training."""
    sentences = np.array([one.sentence for one in examples])
    labels = np.array([one.label for one in examples])
    known = np.unique(sentences)
    n_tested = max(1, round(held_out * len(known)))
    tested = np.zeros(len(examples), dtype=bool)
    for sentence in draw.permutation(known):
        more = tested | (sentences == sentence)
        if len(np.unique(sentences[more])) <= n_tested and set(labels[~more]) == set(labels):
            tested = more
    return tested


def _at_random(
    words: NDArray[np.str_], labels: NDArray[np.str_], draw: np.random.Generator
) -> NDArray[np.str_]:
    """A label for each word, always the same, drawn from labels as they are."""
    known, places = np.unique(words, return_inverse=True)
    return draw.choice(labels, size=len(known))[places]


def _learner() -> Any:
    """What trains a probe and tells the share that it gets right.

    Raises:
        CaptureError: When scikit-learn is missing.
    """
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise CaptureError(
            f"probes need scikit-learn, which cannot be used: {error}",
            hint='pip install "attention-gallery[measures]"',
        ) from error

    def learn(
        trained: NDArray[np.float64],
        told: NDArray[np.str_],
        tested: NDArray[np.float64],
        right: NDArray[np.str_],
    ) -> float:
        if len(np.unique(told)) == 1:  # random labels may turn out so
            return float((right == told[0]).mean())
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=_PENALTY, max_iter=5000))
        return float(probe.fit(trained, told).score(tested, right))

    return learn
