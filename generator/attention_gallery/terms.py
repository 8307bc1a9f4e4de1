"""The shared nouns of the project, as frozen dataclasses.

*Weights* are attention after softmax. Axes are always ``[layer, head, query, key]``, 0-based and
shown ``L5 H1``. *Query* and *key* are the two ends of an edge; *source* and *target* are the two
texts of an encoder-decoder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from attention_gallery.codes import Layers
from attention_gallery.errors import Where

AttentionKind = Literal["encoder", "decoder", "cross", "vision"]
"""What attends to what.

``vision`` is what the eye of a model that also reads does with its patches. A model that only sees
is an ``encoder``; so is what reads, unless it writes, or no token sees a later one: ``decoder``.
"""

IMAGE_FORMATS = ("PNG", "JPEG", "WEBP")
"""Those that every browser shows, by Pillow's names."""

ATTENTION_KINDS: tuple[AttentionKind, ...] = ("encoder", "decoder", "cross", "vision")

Dtype = Literal["float32", "bfloat16", "float16"]
DTYPES: tuple[Dtype, ...] = ("float32", "bfloat16", "float16")

BETWEEN_TURNS = "\n"
"""What stands between the turns of a chat in `Sentence.text`."""

Part = Literal["query", "key", "value", "scores"]
"""What weights are made of: see `Attention.parts`."""

Extra = Part | Literal["predictions"]
"""What a capture may be asked to hold besides weights: see `Attention`."""


class Head(NamedTuple):
    """One attention head, 0-based."""

    layer: int
    head: int

    def __str__(self) -> str:
        return f"L{self.layer} H{self.head}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read ``L5H1`` or ``L5 H1``.

        Raises:
            ValueError: When `text` has another form.
        """
        match = re.fullmatch(r"L([0-9]{1,4}) ?H([0-9]{1,4})", text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a head")
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class Model:
    """Where a model comes from, as the manifest says.

    Attributes:
        id: Its name in the manifest.
        source: As written: a hub id, a folder, ``specimen:NAME``, or ``api:FILE``. Of a model that
            a notebook has in memory, what it calls itself.
        kind: Which of these it is.
        location: What ``from_pretrained`` is given: the hub id or the folder's path. Of a model
            behind an API, the file with its answer.
        revision: The commit of a hub model, or the SHA-256 of an API's answer; empty otherwise.
        trust_remote_code: Only true when the author wrote it.
        allow_pickle: Likewise: whether weights may be read from pickle files.
        dtype: What it computes in.
        device: What it runs on: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or ``split`` for
            all there is.
        where: The place in the manifest that names it.
        license: Its licence, as the author states it; empty where nothing is stated.
    """

    id: str
    source: str
    kind: Literal["hub", "folder", "specimen", "api", "memory"]
    location: str
    revision: str = ""
    trust_remote_code: bool = False
    allow_pickle: bool = False
    dtype: Dtype = "float32"
    device: str = "auto"
    where: Where | None = None
    license: str = ""

    @property
    def has_commit(self) -> bool:
        """Whether what tells its version is a commit; otherwise it is a digest of its files."""
        return self.kind in ("hub", "memory")  # one in memory tells no other


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a model is fed: a text, two, a chat, an image or a sound, with a target to write.

    Attributes:
        id: Its name in the manifest.
        text: What the model reads (the source text of an encoder-decoder); empty where it reads
            an image only, or hears. Of a chat, all that is said, with `BETWEEN_TURNS`.
        target: What the decoder of an encoder-decoder is fed; empty for other models.
        image: Path of the image the model sees; empty for models that only read.
        gold: What is known about it beforehand: for a query word the key words it belongs to, as
            the author wrote them. In a translation the query is a word of the target.
        where: The place in the manifest.
        pair: A second text that is read together with the first, such as a passage after a
            question; empty for none.
        chat: The turns of a chat, each a role and what is said; empty for what is no chat.
        audio: Path of the sound the model hears; empty for models that do not.
        generate: How many tokens the model itself may write: after the text, or, where it is an
            encoder-decoder, as target; 0 where the author did not say.
        lang: The language of the text, or of the target where there is no text, as a tag of
            BCP 47; empty where the author did not say.
        license: The licence of the text, the image or the sound, as the author states it; empty
            where nothing is stated.
    """

    id: str
    text: str
    target: str = ""
    image: str = ""
    gold: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    where: Where | None = None
    pair: str = ""
    chat: tuple[tuple[str, str], ...] = ()
    audio: str = ""
    generate: int = 0
    lang: str = ""
    license: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """What a chart shows before a reader touches it.

    Attributes:
        head: The head first shown; None for the first one listed, or, where all heads travel, for
            the one that gives most to what is known beforehand, or else differs most from what the
            exhibit is held against, or else looks most decidedly at other words.
        token: Index of the query token first pinned; None for the first word about which
            something is known, or else the last word.
        where: The place in the manifest, where it is written there.
    """

    head: Head | None = None
    token: int | None = None
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What of a model's answer is asked about, by measures that are about an answer.

    Attributes:
        word: A token, or the name of a class; empty for the one that stands there, or else the one
            that the model holds likeliest.
        rather_than: Another token or class: how much rather the model says the first is asked then.
            Empty for none: how likely the first is.
        at: Index of the token at which the model answers: the one *before* what it writes, the one
            it fills in, the row of its decoder. None for the last word it writes, or the first gap.
        where: The place in the manifest, where it is written there.
    """

    word: str = ""
    rather_than: str = ""
    at: int | None = None
    where: Where | None = None


Pattern = Literal[
    "previous-token",
    "next-token",
    "first-token",
    "self",
    "duplicate-token",
    "induction",
    "separator",
    "same-word",
    "alignment",
]
"""What a head may do.

- ``previous-token``, ``next-token``: it looks at the neighbour.
- ``first-token``: at the very first token of all, whatever that is; many heads do when they find
  nothing else, and it is then called a sink.
- ``self``: at the token itself.
- ``duplicate-token``: at the same token elsewhere.
- ``induction``: at what followed the same token the last time.
- ``separator``: at the special tokens that end a text, such as ``[SEP]``.
- ``same-word``: at other pieces of the word that a token is a piece of.
- ``alignment``: in cross-attention, at the word of the other text that is translated.

Source: Clark et al. 2019, "What Does BERT Look At?", sections 3.1 and 3.2 (neighbours, itself,
    first token, separator); Xiao et al. 2024, "Efficient Streaming Language Models with Attention
    Sinks" (first token); Olsson et al. 2022, "In-context Learning and Induction Heads" (induction);
    Wang et al. 2023, "Interpretability in the Wild" (duplicate token).
"""

PATTERNS: tuple[Pattern, ...] = get_args(Pattern)


@dataclass(frozen=True, slots=True)
class HeadRule:
    """Heads that are chosen by what they do.

    Attributes:
        pattern: One of `PATTERNS`.
        top: How many, those that follow it furthest.
    """

    pattern: str
    top: int


@dataclass(frozen=True, slots=True)
class Variant:
    """What an exhibit is held against: another model on its sentence, or another sentence.

    Attributes:
        name: What readers call it: the name of the model, or the sentence itself.
        model: The model.
        sentence: The sentence.
    """

    name: str
    model: Model
    sentence: Sentence


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One model on one sentence, shown in one or more views, with its prose.

    Attributes:
        id: Unique in a site; its page's address.
        title: Plain text.
        model: The model.
        sentence: The sentence.
        attention: Which attention; None for the model's natural one.
        heads: The heads that travel with the page; empty for all. By a rule, they are known once
            the model was measured.
        views: Names of views, in the order of the page; empty for all that fit the sentence.
        prose: Markdown.
        start: The state the charts open in.
        against: What it is held against, in the order of the author; mostly nothing.
        tags: Free words, shown in the index.
        where: The place in the manifest.
        measures: Names of measures shown besides those that its views need.
        question: What those are asked that are about an answer.
        labels: Path of the file of labelled sentences that probes are trained on; empty for none.
        look_for: What readers are told to look for, Markdown; empty where the author did not say.
    """

    id: str
    title: str
    model: Model
    sentence: Sentence
    attention: AttentionKind | None = None
    heads: tuple[Head, ...] | HeadRule = ()
    views: tuple[str, ...] = ()
    prose: str = ""
    start: Start = field(default_factory=Start)
    against: tuple[Variant, ...] = ()
    tags: tuple[str, ...] = ()
    where: Where | None = None
    measures: tuple[str, ...] = ()
    question: Question = field(default_factory=Question)
    labels: str = ""
    look_for: str = ""

    @property
    def n_listed_heads(self) -> int:
        """How many heads travel, as the author lists them or a rule chooses; 0 for all."""
        return self.heads.top if isinstance(self.heads, HeadRule) else len(self.heads)

    @property
    def shows_patches(self) -> bool:
        """Whether what is looked at is an image and nothing else.

        Beside a text that is only sure when the author says which attention is meant: by default it
        is that of the text, and most models have the image inside it.
        """
        sentence = self.sentence
        if self.attention is None or self.attention == "encoder":
            return bool(sentence.image) and not sentence.text
        return bool(sentence.image) and self.attention != "decoder"


@dataclass(frozen=True, slots=True)
class Gallery:
    """One manifest, read and checked.

    Attributes:
        title: Plain text.
        prose: Markdown introduction for the index.
        file: The manifest's path as the author would type it.
        exhibits: In the order of the manifest.
        models: All that it names, also those of no exhibit.
        sentences: The same.
        embedded: Whether it is no manifest but a Markdown page, in which its exhibits stand: they
            have no pages of their own, and no index lists them.
    """

    title: str
    prose: str
    file: str
    exhibits: tuple[Exhibit, ...]
    models: tuple[Model, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    embedded: bool = False


@dataclass(frozen=True, slots=True)
class MarkdownPage:
    """A page that an author wrote, with blocks that show exhibits.

    Attributes:
        path: Where it lives below the folder of all pages, POSIX.
        file: Its path as the author would type it.
        text: As written.
        folder: Where relative paths in its blocks start from.
    """

    path: str
    file: str
    text: str
    folder: Path


BlockKind = Literal["attention", "predict"]
"""What a block makes of an exhibit: charts, or a question about where a head looks."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a Markdown page that shows an exhibit.

    Attributes:
        kind: What it makes of it.
        page: The page's path, as `MarkdownPage` has it.
        number: Its number among the blocks of its page, from 1.
        exhibit: The exhibit's id.
        views: Names of the views it shows; empty for those of the exhibit.
        asked: What the block says besides, in the shape of its kind; None where it may say nothing.
        where: Its first line.
        asked_at: Where each part of `asked` is written, by key.
    """

    kind: BlockKind
    page: str
    number: int
    exhibit: str
    views: tuple[str, ...] = ()
    asked: Any = None
    where: Where | None = None
    asked_at: Mapping[str, Where] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What marks its place in the page."""
        return f"block-{self.number}"


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """One pass of one model over one sentence: the unit of capturing and of the store.

    Attributes:
        key: SHA-256 of all that decides the result, 64 hex digits.
        model: The model.
        sentence: The sentence.
        wheres: The exhibits that need it, for error messages.
        image_digest: SHA-256 of the image that the key was made with, 64 hex digits; empty for a
            text, or where any image will do.
        parts: What it has to hold besides weights.
        audio_digest: The same of the sound.
    """

    key: str
    model: Model
    sentence: Sentence
    wheres: tuple[Where, ...] = ()
    image_digest: str = ""
    parts: frozenset[Extra] = frozenset()
    audio_digest: str = ""

    @property
    def recorded(self) -> frozenset[Part]:
        """What of it passes with the attention, and is kept of that."""
        return frozenset(part for part in self.parts if part != "predictions")

    @property
    def writes(self) -> bool:
        """Whether it is asked what the model would write, which takes a language-model head."""
        return "predictions" in self.parts or self.sentence.generate > 0


Reads = Literal["sentence", "pair", "model", "labels"]
"""What a measure is of: a sentence, two that differ in a word, a model, labelled sentences."""


@dataclass(frozen=True, slots=True)
class Need:
    """A measure that an exhibit needs, as far as it decides what is computed.

    Attributes:
        measure: Its name.
        reads: What it is of.
        asks: Whether it is about an answer of the model.
        maps: Whether it has maps that are shown as weights are.
    """

    measure: str
    reads: Reads
    asks: bool
    maps: bool = False


@dataclass(frozen=True, slots=True)
class MeasureRequest:
    """One measure of one model, mostly on one sentence: what is stored beside captures.

    Attributes:
        key: SHA-256 of all that decides the result, 64 hex digits.
        measure: Its name.
        model: The model.
        passes: The sentence it is of; for a minimal pair both; none for a measure of the model.
        question: What it is asked; the empty question where it is about no answer.
        wheres: The exhibits that need it, for error messages.
        labels: Path of the file of labelled sentences it reads; empty for none.
        labels_digest: SHA-256 of that file.
    """

    key: str
    measure: str
    model: Model
    passes: tuple[CaptureRequest, ...] = ()
    question: Question = field(default_factory=Question)
    wheres: tuple[Where, ...] = ()
    labels: str = ""
    labels_digest: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """All galleries of a site and the captures they need, each once.

    Attributes:
        galleries: In the order of the site.
        requests: By key, in the order first needed.
        keys: Capture key of each exhibit id.
        others: By exhibit id, the capture keys of what the exhibit is held against.
        measures: What is measured, by key, in the order first needed.
        measured: By exhibit id, the keys of its measures by their names.
        blocks: Those of the author's pages, page by page.
    """

    galleries: tuple[Gallery, ...]
    requests: Mapping[str, CaptureRequest]
    keys: Mapping[str, str]
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    measures: Mapping[str, MeasureRequest] = field(default_factory=dict)
    measured: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()

    @property
    def exhibits(self) -> tuple[Exhibit, ...]:
        """All exhibits, in the order of the site."""
        return tuple(exhibit for gallery in self.galleries for exhibit in gallery.exhibits)


@dataclass(frozen=True, slots=True)
class Token:
    """One token as the model saw it.

    Attributes:
        text: Readable text: what the token contributes to the sentence, without markers.
        special: True for tokens the tokenizer added ([CLS], </s>, ...).
        id: Its number in the vocabulary; -1 for a patch or a moment, which no vocabulary lists.
        patch: Row and column of the image patch it stands for, from the top left; None for text.
        span: Where it stands in what the author wrote: the first character and the one after the
            last, 0-based; None for what has no place there, or none that is certain. Tokens that
            are parts of one character have the span of that character. Of two texts each is
            counted from its own beginning; of a chat, see `Sentence.text`.
        word: Which word of the sentence it is a part of, 0-based, -1 for none; those of a second
            text, and of what the model wrote after it, are counted on. Words are runs of letters
            and digits; each other character is one of its own: see `capture.words`.
        segment: Which of two texts that are read together it belongs to, 0 or 1.
        generated: Whether the model wrote it, and not the author.
    """

    text: str
    special: bool = False
    id: int = -1
    patch: tuple[int, int] | None = None
    span: tuple[int, int] | None = None
    word: int = -1
    segment: int = 0
    generated: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a model that writes held likely to come next, at each token its decoder read.

    Attributes:
        likeliest: For each row of its attention the tokens it held likeliest, the first before all.
        probabilities: Of these, float32 ``[row, rank]``: of a softmax over the whole vocabulary.
        follows: For each row the token that does come next, be it the author's or the model's own;
            None where that is a patch of an image, or nothing.
        surprisals: Of these, float32 ``[row]``, in bits: minus the binary logarithm of the
            probability the model gave; 0 where none follows.
    """

    likeliest: tuple[tuple[Token, ...], ...]
    probabilities: NDArray[np.float32]
    follows: tuple[Token | None, ...]
    surprisals: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """Maps that a measure derives, which are shown as those of weights are.

    Attributes:
        title: What readers call them, beside a head: ``norm``.
        says: What they tell, in a sentence or two.
        layers: Per layer from 0 to 1, float32 ``[head, query, key]``.
        per_head: Whether each head has a map; otherwise a layer has one, and `layers` a single
            head.
        adds_up: Whether a row sums to 1, as one of weights does.
    """

    title: str
    says: str
    layers: Layers
    per_head: bool = True
    adds_up: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """The weights of one kind of attention over one sentence.

    Attributes:
        kind: What attends to what.
        queries: The tokens that look; row labels.
        keys: The tokens looked at; column labels.
        layers: Per layer float32 weights ``[head, query, key]``, within `codes.ERROR` of those the
            model used. Not one array, because layers may have different numbers of heads.
        causal: True when no query can see a later key: everything above the diagonal is zero.
        parts: What weights are made of, as far as it was asked for; per layer float32. ``query``,
            ``key`` and ``value`` are ``[head, token, dimension]`` as they enter the dot product,
            or, where heads share keys and values, with fewer heads, each for as many neighbours.
            ``scores`` are ``[head, query, key]`` as they enter the softmax, with all biases and
            masks; a head with a learned sink has one key more.
        scales: Where parts were asked for, what each layer multiplies its dot products by; None
            for a layer of which it is unknown.
        predictions: What the model held likely to follow each query, where that was asked for and
            these are what it writes after.
        kv_heads: How many key/value heads each layer has, where heads share them: each is that of
            as many neighbouring heads. Empty where every head has its own, or it is not known.
        windows: How many keys back, itself included, a query of each layer sees at most, and where
            it may look ahead, as many ahead; None for a layer that is not told to have such a
            limit. Empty where none is.
        derived: What measures derive from weights, for each pair of tokens, where that was asked
            for, in the order in which readers are offered it.
    """

    kind: AttentionKind
    queries: tuple[Token, ...]
    keys: tuple[Token, ...]
    layers: Layers
    causal: bool
    parts: Mapping[Part, tuple[NDArray[np.float32], ...]] = field(default_factory=dict)
    scales: tuple[float | None, ...] = ()
    predictions: Predictions | None = None
    kv_heads: tuple[int, ...] = ()
    windows: tuple[int | None, ...] = ()
    derived: tuple[Derived, ...] = ()

    @property
    def n_layers(self) -> int:
        """How many layers."""
        return len(self.layers)

    @property
    def n_heads(self) -> tuple[int, ...]:
        """How many heads each layer has."""
        return tuple(shape[0] for shape in self.layers.shapes)

    def __contains__(self, head: Head) -> bool:
        return head.layer < self.n_layers and head.head < self.n_heads[head.layer]


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made the numbers, for the page and for those who want to repeat them.

    Attributes:
        source: The model as the manifest names it.
        commit: Commit of a hub model, or a digest of the folder's files.
        architecture: Class name of the model.
        tokenizer: Class name of the tokenizer, of the image processor or feature extractor, or of
            both with a comma.
        dtype: Data type the model ran in.
        device: Device it ran on.
        versions: Library versions by name.
        date: Day of the capture, ISO 8601.
    """

    source: str
    commit: str
    architecture: str
    tokenizer: str
    dtype: str
    device: str
    versions: Mapping[str, str]
    date: str


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """What one pass of one model over one sentence left.

    Attributes:
        key: The request's key.
        attentions: By kind; decoder-only models have ``decoder``, encoder-only ``encoder``,
            encoder-decoders these and ``cross``; those that see and read ``vision``, and what they
            read with.
        provenance: What made it.
        image: What the model saw after its own resizing and cropping, as a PNG; empty for a text.
    """

    key: str
    attentions: Mapping[AttentionKind, Attention]
    provenance: Provenance
    image: bytes = b""

    @property
    def natural(self) -> AttentionKind:
        """The kind a reader means by default: cross where there is one, else the one of the text.

        What a model sees is only meant where it reads nothing.
        """
        return "cross" if "cross" in self.attentions else next(iter(self.attentions))


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a measure found.

    Attributes:
        key: The request's key.
        measure: Its name.
        arrays: Numbers by name; which there are, and their axes and units, says the measure's
            module. Maps that views draw as they draw weights are `codes` under
            ``map/<choice>/<kind>/<layer>``, with the choice's title in ``facts["maps"]``.
        facts: What else there is to know, as JSON has it.
        provenance: What made it.
    """

    key: str
    measure: str
    arrays: Mapping[str, NDArray[Any]]
    facts: Mapping[str, Any]
    provenance: Provenance

    def layers(self, folder: str) -> tuple[NDArray[Any], ...]:
        """The arrays ``<folder>/0``, ``<folder>/1`` and so on, one of each layer."""
        found: list[NDArray[Any]] = []
        while (name := f"{folder}/{len(found)}") in self.arrays:
            found.append(self.arrays[name])
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Table:
    """A small table that says in numbers what a figure shows.

    Attributes:
        caption: Plain text.
        columns: Headings.
        rows: Plain text cells, as many as there are columns.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """One view of one exhibit, drawn.

    Attributes:
        exhibit: The exhibit's id.
        view: The view's name.
        title: The view's title for readers.
        spec: A self-contained Vega-Lite document, all its data inside.
        svg: The same picture in its opening state, without scripts.
        width: Natural width of the SVG, CSS pixels.
        summary: The picture in words, generated from its own data.
        truth: What is known beforehand, and what the head shown gives it; empty where nothing is.
        table: The picture in numbers.
        error: Largest difference between a packed and a captured weight.
    """

    exhibit: str
    view: str
    title: str
    spec: Mapping[str, Any]
    svg: str
    width: int
    summary: str
    truth: str
    table: Table
    error: float


Download = Literal["vega-lite", "svg", "png", "pdf"]
"""What a chart can be had as, besides what is on the page."""

DOWNLOADS: tuple[Download, ...] = get_args(Download)


@dataclass(frozen=True, slots=True)
class Imprint:
    """What is known of the publication that pages are part of; each may be unknown.

    Attributes:
        site_name: What it is called.
        author: Who publishes it.
        description: What it is, in a line.
        url: Where its home page is, ending in a slash.
        repo_url: Where its sources are kept.
        edit_url: Where readers see, and may change, a line of them: an address with ``{path}``,
            as seen from `root`, and ``{line}``.
        root: The folder of those sources on this machine.
        downloads: What each chart is also written as, a file for each.
        flat: Whether the page ``a.md`` is at ``a.html``, instead of ``a/``.
    """

    site_name: str = ""
    author: str = ""
    description: str = ""
    url: str = ""
    repo_url: str = ""
    edit_url: str = ""
    root: str = ""
    downloads: tuple[Download, ...] = ()
    flat: bool = False


UNPUBLISHED = Imprint()
"""What is known where nothing is."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as data: Markdown with places where finished HTML goes.

    Attributes:
        path: Where it lives below the site, POSIX, ending in ``.md``.
        title: Plain text.
        markdown: Its text. A line that is exactly ``fragment_marker(name)`` is replaced by that
            fragment after rendering, so that no Markdown dialect can touch it.
        fragments: HTML by name.
        in_nav: Whether the site's navigation lists it.
        head: HTML for the page's ``<head>``, such as what services show of a shared link.
        contents: The headings in its fragments, each an id and plain text, for a table of contents.
    """

    path: str
    title: str
    markdown: str
    fragments: Mapping[str, str] = field(default_factory=dict)
    in_nav: bool = True
    head: str = ""
    contents: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that is copied as it is.

    Attributes:
        path: Where it lives below the site, POSIX.
        content: Its bytes.
    """

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Site:
    """All that an adapter writes: pages and assets, as plain data.

    Attributes:
        pages: Those that are made of manifests.
        assets: The files of all pages.
        embedded: HTML for blocks of the author's pages, by the page's path and the block's name.
    """

    pages: tuple[Page, ...]
    assets: tuple[Asset, ...]
    embedded: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def fragment_marker(name: str) -> str:
    """The line of a page's Markdown that stands for a fragment.

    A comment survives every Markdown dialect and every search index unseen.
    """
    return f"<!--attention-gallery:{name}-->"
