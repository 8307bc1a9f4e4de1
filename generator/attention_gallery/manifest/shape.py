"""The shape of a manifest: its keys, their types, and what each may say.

These pydantic models are the one door through which authors' data comes in, and the source of the
JSON Schema that editors use. Only this package's own words reach an author: see `faults`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from attention_gallery.errors import ModelError, listing, quoted
from attention_gallery.manifest.values import (
    AttentionName,
    Gold,
    HeadName,
    Heads,
    ImageFile,
    Known,
    ModelName,
    Once,
    SentenceName,
    SomeText,
    Text,
    ViewName,
    WrongValueError,
    check_id,
    not_empty,
)
from attention_gallery.model_source import model_from_source, read_head_counts, rules_out_cross
from attention_gallery.terms import AttentionKind, Head

_COMMIT = re.compile(r"[0-9a-f]{40}")


class _Shape(BaseModel):
    """No key but the known ones, and no guessing what a value of another type may mean."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        model_title_generator=lambda shape: shape.__name__.removesuffix("Shape"),
    )


class ModelShape(_Shape):
    """A model: where it comes from."""

    source: SomeText = Field(
        description="specimen:NAME for a tiny model that comes with Attention Gallery; a folder "
        "written by save_pretrained, such as ./my-model, seen from this file; or a model on the "
        "Hugging Face hub, such as org/name, which also needs a revision."
    )
    revision: Text = Field(
        "",
        validate_default=True,
        json_schema_extra={"pattern": f"^{_COMMIT.pattern}$"},
        description="The commit of a model on the hub, 40 hex digits. A branch such as main moves; "
        "a commit stays, so the page can be cited and its capture kept for ever.",
    )
    trust_remote_code: bool = Field(
        False,
        description="Whether to run Python code that comes with the model: only for authors you "
        "trust. By default false.",
    )

    @field_validator("source")
    @classmethod
    def _exists(cls, source: str, info: ValidationInfo[Known]) -> str:
        try:
            model_from_source(source, info.context.base)
        except ModelError as error:
            raise WrongValueError(error.message, error.hint) from None
        return source

    @field_validator("revision")
    @classmethod
    def _is_pinned(cls, revision: str, info: ValidationInfo[Known]) -> str:
        source = info.data.get("source")
        if source is None:  # has a fault of its own
            return revision
        try:
            model = model_from_source(source, info.context.base, revision=revision)
        except ModelError as error:
            raise WrongValueError(error.message, error.hint) from None
        if model.kind == "hub" and not _COMMIT.fullmatch(revision):
            raise WrongValueError(
                f"{quoted(revision)} is not a commit"
                if revision
                else f"missing; no folder is called {quoted(source)}, so it is a model on the hub",
                "give a commit, 40 hex digits: a branch moves, a commit can be cited, and captured "
                "for ever",
            )
        return revision


def _text_or_mapping(schema: dict[str, Any]) -> None:
    """A sentence that is nothing but a text may be written as plain text."""
    mapping = {**schema, "anyOf": [{"required": ["text"]}, {"required": ["image"]}]}
    schema.clear()
    schema["description"] = mapping.pop("description")
    schema["anyOf"] = [{"type": "string", "minLength": 1}, mapping]


class SentenceShape(_Shape):
    """A sentence: its text, or a mapping of what there is besides it."""

    model_config = ConfigDict(json_schema_extra=_text_or_mapping)

    # The validator of the text sees whether there is an image: so the order matters.
    image: ImageFile = Field(
        "",
        description="For models that see: the image, a PNG, JPEG or WebP file; a relative path "
        "starts from the folder of this file.",
    )
    text: Text | None = Field(
        None,
        validate_default=True,
        description="What the model reads, exactly as written; for a translator, the sentence to "
        "translate.",
        json_schema_extra={"minLength": 1},
    )
    target: Text = Field(
        "",
        description="For encoder-decoder models: what the decoder is fed, such as a translation or "
        "a caption.",
    )
    gold: Gold = Field(
        {},
        description="What is known beforehand: for a word, the word or words it belongs to, as in "
        "{it: animal}. In a translation or caption, words of the target come first: {black: noir}, "
        "{circle: r0c1-r2c3} for patches in rows 0 to 2 and columns 1 to 3. For a word that "
        "occurs twice, write the name it has on the page, such as the [3].",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"text": value}

    @field_validator("text")
    @classmethod
    def _says_something(cls, text: str | None, info: ValidationInfo[Known]) -> str:
        if text is not None:
            return not_empty(text)
        if info.data.get("image") == "":  # and not one with a fault of its own
            raise WrongValueError(
                "missing",
                "what the model reads, exactly as written; or, for a model that sees, an image",
            )
        return ""


class StartShape(_Shape):
    """What the charts show before a reader touches them."""

    head: HeadName | None = Field(None, description="The head first shown, such as L5H1.")
    token: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="The query token first pinned, counted from 0."
    )


class AgainstShape(_Shape):
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


class ExhibitShape(_Shape):
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
        description="Which attention of an encoder-decoder model; by default cross. Other models "
        "have one kind only.",
    )
    heads: Heads = Field(
        [],
        description="The heads that travel with the page: all, or a list such as [L1H3, L0H2], "
        "which keeps the page of a large model small. L1H3 is head 3 of layer 1, counted from 0.",
    )
    views: Annotated[list[ViewName], Once, Field(min_length=1)] = Field(
        default_factory=list,
        description="How to show it, in the order of the page: edges draws lines between tokens, "
        "heatmap a matrix with queries as rows and keys as columns, patches an image with the "
        "weights over it. By default all views that fit the sentence.",
    )
    start: StartShape = Field(
        default_factory=StartShape, description="What the charts show at first."
    )
    against: AgainstShape | None = Field(
        None,
        description="What to compare it with: {models: [untrained, half-way]}, on the same "
        "sentence, or {sentences: [he]}, by the same model.",
    )
    prose: Text = Field("", description="Markdown beside the charts: say what to look for.")
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
                    "it has encoder or decoder; leave this out, since there is only one of them",
                )
        return attention

    @field_validator("heads")
    @classmethod
    def _heads_exist(cls, heads: list[Head], info: ValidationInfo[Known]) -> list[Head]:
        for i, head in enumerate(heads):
            _check_head(head, info, (i,))
        return heads

    @field_validator("start")
    @classmethod
    def _start_is_shown(cls, start: StartShape, info: ValidationInfo[Known]) -> StartShape:
        if start.head is None:
            return start
        if (heads := info.data.get("heads")) and start.head not in heads:
            raise WrongValueError(
                f"{start.head} is not shipped with the exhibit",
                listing(map(str, heads), "heads"),
                ("head",),
            )
        _check_head(start.head, info, ("head",))
        return start


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


class ManifestShape(_Shape):
    """A gallery of attention: models, sentences, and the exhibits that bring them together."""

    title: SomeText = Field(description="The gallery's heading.")
    prose: Text = Field("", description="Markdown introduction, shown above the exhibits.")
    models: dict[Text, ModelShape] = Field(
        {}, description="The models by name; exhibits refer to them by these names."
    )
    sentences: dict[Text, SentenceShape] = Field(
        {}, description="The sentences by name; exhibits refer to them by these names."
    )
    exhibits: Annotated[list[ExhibitShape], Field(min_length=1)] = Field(
        description="What the gallery shows, in this order."
    )


class _TeachingSchema(GenerateJsonSchema):
    """Leaves out what is noise beside the descriptions: titles, defaults and nulls."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def manifest_schema() -> dict[str, Any]:
    """The JSON Schema of a manifest, for editors and other programs."""
    schema = ManifestShape.model_json_schema(schema_generator=_TeachingSchema)
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema}
