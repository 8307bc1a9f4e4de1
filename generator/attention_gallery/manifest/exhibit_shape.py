"""The shape of an exhibit: what it shows, how, and against what.

An exhibit names models and sentences of its manifest, so most checks here look at the rest of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from attention_gallery.errors import listing, quoted
from attention_gallery.manifest.strict import Known, Shape, WrongValueError
from attention_gallery.manifest.values import (
    AttentionName,
    HeadName,
    HeadRuleShape,
    Heads,
    LabelsFile,
    MeasureName,
    ModelName,
    Once,
    SentenceName,
    SomeText,
    Text,
    ViewName,
    check_id,
)
from attention_gallery.model_source import read_head_counts, rules_out_cross, rules_out_vision
from attention_gallery.terms import AttentionKind, Head


class StartShape(Shape):
    """What the charts show before a reader touches them."""

    head: HeadName | None = Field(None, description="The head first shown, such as L5H1.")
    token: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="The query token first pinned, counted from 0."
    )


class AgainstShape(Shape):
    """What an exhibit is held against: other models on its sentence, or other sentences."""

    models: Annotated[list[ModelName], Once] = Field(
        [],
        description="Names of models with the same heads, such as earlier checkpoints of its own.",
    )
    sentences: Annotated[list[SentenceName], Once] = Field(
        [],
        validate_default=True,
        description="Names of sentences with as many tokens, such as one that differs in a word.",
    )

    @field_validator("sentences")
    @classmethod
    def _either(cls, sentences: list[str], info: ValidationInfo[Known]) -> list[str]:
        if "models" in info.data and bool(info.data["models"]) == bool(sentences):
            wrong = "models and sentences exclude each other" if sentences else "names nothing"
            raise WrongValueError(wrong, "name either models or sentences")
        return sentences


class AskShape(Shape):
    """What of the model's answer is asked about, by measures that are about an answer."""

    word: Text = Field(
        "",
        description="A word that is one token of the model, or the name of a class. By default the "
        "one that stands there, or else the one the model holds likeliest.",
    )
    rather_than: Text = Field(
        "",
        description="Another one: how much rather the model says word is asked then, and not just "
        "how likely it is.",
    )
    at: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None,
        description="The token at which the model answers, counted from 0: the one before the word "
        "that it writes, or the gap that it fills. By default the last, or the first gap; of a "
        "translation the last word.",
    )

    @field_validator("rather_than")
    @classmethod
    def _has_a_word(cls, rather_than: str, info: ValidationInfo[Known]) -> str:
        if rather_than and not info.data.get("word", "?"):
            raise WrongValueError("there is no word to prefer", "write word: too")
        if rather_than and rather_than == info.data.get("word"):
            raise WrongValueError("is the word itself", "write another one")
        return rather_than


class ExhibitShape(Shape):
    """An exhibit: one model on one sentence, shown in one or more views; or a product of many."""

    # Each validator below sees the fields above its own: so the order matters.
    model: ModelName = Field("", description="The name of one of this manifest's models.")
    models: Annotated[list[ModelName], Once] = Field(
        [],
        validate_default=True,
        description="Names of several models, instead of model: makes an exhibit for each.",
    )
    sentence: SentenceName = Field("", description="The name of one of this manifest's sentences.")
    sentences: Annotated[list[SentenceName], Once] = Field(
        [],
        validate_default=True,
        description="Names of several sentences, instead of sentence: makes an exhibit for each.",
    )
    id: Text = Field(
        "",
        validate_default=True,
        json_schema_extra={"pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "maxLength": 100},
        description="The address of the exhibit's page: lower-case letters, digits, hyphens. With "
        "models or sentences, their names are appended to it. Links break when it changes.",
    )
    title: Text = Field("", description="The exhibit's heading; by default its sentence.")
    attention: AttentionName | None = Field(
        None,
        description="Which attention, where there are more. Of an encoder-decoder model: encoder, "
        "decoder or cross, by default cross. Of a model that sees and reads: vision for what its "
        "eye does with the image; encoder, decoder or cross for what is done with the text, which "
        "is the default.",
    )
    heads: Heads = Field(
        [],
        description="The heads that travel with the page: all, or a list such as [L1H3, L0H2], "
        "which keeps the page of a large model small. L1H3 is head 3 of layer 1, counted from 0. "
        "A rule such as {pattern: induction, top: 3} takes those that follow a pattern furthest.",
    )
    views: Annotated[list[ViewName], Once, Field(min_length=1)] = Field(
        default_factory=list,
        description="How to show it, in the order of the page: edges draws lines between tokens, "
        "of one head or several; heatmap a matrix with queries as rows and keys as columns; grid "
        "every head at a glance; alignment a translation as a matrix and as lines; patches an "
        "image with the weights over it; compare two maps and the difference between them. By "
        "default all of these that fit. Shown only where they are named: arcs, one row of up to 32 "
        "tokens; generation, what a model that writes held likely at each token, and where it "
        "looked; neuron, how the vectors of query and keys make the weights of up to 64 tokens; "
        "heads, what each head does, beside what an untrained one does; attribution, how much each "
        "token adds to an answer; explanation, whether weights rank tokens as other measures do; "
        "predictions, how surprised the model is by each token; lens, what it would say after each "
        "layer; probing, how well labels of words or texts can be read off each layer.",
    )
    measures: Annotated[list[MeasureName], Once] = Field(
        [],
        description="What else to show besides weights. A choice in edges, heatmap, arcs, "
        "alignment and patches: norms, how much a head writes of each token; rollout, what came "
        "from where through all layers; gradient, which weights an answer rests on. In the view "
        "heads: ablation, which heads an answer needs; patching, which heads carry the difference "
        "of two sentences. Others are measured where the views are named that show them.",
    )
    ask: AskShape = Field(
        default_factory=AskShape,
        description="What is asked by gradient, ablation, patching, attribution and knockout: how "
        "likely a word is, or {word: she, rather_than: he}.",
    )
    labels: LabelsFile = Field(
        "",
        description="For the view probing: a YAML or CSV file of labelled sentences; a relative "
        "path starts from the folder of this file.",
    )
    start: StartShape = Field(
        default_factory=StartShape, description="What the charts show at first."
    )
    against: AgainstShape | None = Field(
        None,
        description="What to compare it with: {models: [untrained, half-way]}, on the same "
        "sentence, or {sentences: [he]}, by the same model.",
    )
    look_for: Text = Field(
        "",
        description="Markdown above the charts: what readers are to look for. By default there is "
        "a question for each view.",
    )
    prose: Text = Field("", description="Markdown beside the charts: what there is to say.")
    tags: Annotated[list[SomeText], Once] = Field(
        [], description="Words by which the index groups exhibits."
    )

    @field_validator("models", "sentences")
    @classmethod
    def _one_or_several(cls, names: list[str], info: ValidationInfo[Known]) -> list[str]:
        several = str(info.field_name)
        one = several.removesuffix("s")
        if one in info.data and bool(info.data[one]) == bool(names):
            known = info.context.models if one == "model" else info.context.sentences
            if names:
                raise WrongValueError(f"{one} and {several} exclude each other", "keep one of them")
            raise WrongValueError(f"no {one} is named", listing(known, f"write {one}: and one of"))
        return names

    @field_validator("id")
    @classmethod
    def _is_address(cls, text: str, info: ValidationInfo[Known]) -> str:
        # A faulty list is missing from the data, and was meant to make a product.
        product = any(info.data.get(name, True) for name in ("models", "sentences"))
        if text:
            return check_id(text)
        if not product:
            raise WrongValueError(
                "missing", "it is the address of the exhibit's page, such as first-look"
            )
        return text

    @field_validator("attention")
    @classmethod
    def _attention_exists(
        cls, attention: AttentionKind | None, info: ValidationInfo[Known]
    ) -> AttentionKind | None:
        for name, folder in _folders(info):
            if attention == "cross" and folder and rules_out_cross(folder):
                raise WrongValueError(
                    f"{quoted(name)} has no cross attention",
                    "it has encoder or decoder; leave this out, since there is only one of them"
                    if rules_out_vision(folder)
                    else "it has vision, for images, and encoder or decoder for text",
                )
            if attention == "vision" and folder and rules_out_vision(folder):
                raise WrongValueError(
                    f"{quoted(name)} has no vision attention",
                    "that is what an eye does in a model that also reads; of a model that only "
                    "sees it is called encoder",
                )
        return attention

    @field_validator("heads")
    @classmethod
    def _heads_exist(
        cls, heads: list[Head] | HeadRuleShape, info: ValidationInfo[Known]
    ) -> list[Head] | HeadRuleShape:
        for i, head in enumerate(heads if isinstance(heads, list) else ()):
            _check_head(head, info, (i,))
        return heads

    @field_validator("start")
    @classmethod
    def _start_is_shown(cls, start: StartShape, info: ValidationInfo[Known]) -> StartShape:
        if start.head is None:
            return start
        heads = info.data.get("heads")
        if isinstance(heads, list) and heads and start.head not in heads:
            raise WrongValueError(
                f"{start.head} is not shipped with the exhibit",
                listing(map(str, heads), "heads"),
                ("head",),
            )
        _check_head(start.head, info, ("head",))
        return start

    @field_validator("against")
    @classmethod
    def _against_others(
        cls, against: AgainstShape | None, info: ValidationInfo[Known]
    ) -> AgainstShape | None:
        if against:
            _check_others("model", against.models, info)
            _check_others("sentence", against.sentences, info)
            _check_same_heads(against.models, info)
        return against


def _check_others(one: str, names: list[str], info: ValidationInfo[Known]) -> None:
    """Check that something other than the exhibit itself is left to hold each exhibit against.

    Raises:
        WrongValueError: When nothing is left for one, or its only model or sentence is named.
    """
    several = f"{one}s"
    own = info.data.get(one)
    product = info.data.get(several, ())
    for i, name in enumerate(names):
        if name == own:
            wrong = f"{quoted(name)} is the exhibit's own {one}"
            raise WrongValueError(wrong, f"name another {one}", (several, i))
        if names == [name] and name in product:
            raise WrongValueError(
                f"the exhibit of {quoted(name)} would be held against itself",
                f"name another {one} besides: each exhibit leaves itself out",
                (several, i),
            )


def _check_same_heads(models: list[str], info: ValidationInfo[Known]) -> None:
    """Check that models have the heads of the exhibit's own, as far as it can be known here.

    Raises:
        WrongValueError: When one has others.
    """
    if "attention" not in info.data:
        return
    attention = info.data["attention"]
    for own, folder in _folders(info):
        counts = folder and read_head_counts(folder, attention)
        for i, name in enumerate(models):
            other = info.context.models.get(name)
            others = other and read_head_counts(other, attention)
            if counts and others and counts != others:
                raise WrongValueError(
                    f"{quoted(name)} has {others}",
                    f"the exhibit's {quoted(own)} has {counts}, and only models with the same "
                    "heads can be compared",
                    ("models", i),
                )


def _folders(info: ValidationInfo[Known]) -> Iterator[tuple[str, Path | None]]:
    """The models of an exhibit by name, each with its folder where it is on this machine."""
    for name in (info.data.get("model", ""), *info.data.get("models", ())):
        yield name, info.context.models.get(name)


def _check_head(head: Head, info: ValidationInfo[Known], at: tuple[str | int, ...]) -> None:
    """Check that all models of an exhibit have this head, as far as it can be known here.

    Raises:
        WrongValueError: When one has not.
    """
    if "attention" not in info.data:
        return
    for name, folder in _folders(info):
        counts = folder and read_head_counts(folder, info.data["attention"])
        if counts and (head.layer >= counts.layers or head.head >= counts.heads):
            raise WrongValueError(
                f"{head} is outside the model", f"{quoted(name)} has {counts}", at
            )
