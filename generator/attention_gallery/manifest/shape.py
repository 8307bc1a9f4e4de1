"""The shape of a manifest: its keys, their types, and what each may say.

These pydantic models are the one door through which authors' data comes in, and the source of the
JSON Schema that editors use. Only this package's own words reach an author: see `faults`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from attention_gallery.errors import ModelError, quoted
from attention_gallery.manifest.exhibit_shape import ExhibitShape
from attention_gallery.manifest.strict import Known, Shape, WrongValueError
from attention_gallery.manifest.values import (
    AudioFile,
    DeviceName,
    DtypeName,
    Gold,
    ImageFile,
    LanguageTag,
    SomeText,
    Text,
    WrittenTokens,
    not_empty,
)
from attention_gallery.model_source import model_from_source

_COMMIT = re.compile(r"[0-9a-f]{40}")


class ModelShape(Shape):
    """A model: where it comes from, and how it is run."""

    source: SomeText = Field(
        description="specimen:NAME for a tiny model that comes with Attention Gallery; a folder "
        "written by save_pretrained, such as ./my-model, seen from this file; a model on the "
        "Hugging Face hub, such as org/name, which also needs a revision; or api:FILE, the JSON "
        "with logprobs that an API has answered with, for a model that cannot be run."
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
    allow_pickle: bool = Field(
        False,
        description="Whether weights may be read from pickle files (pytorch_model.bin), where a "
        "model has none in safetensors form: only for authors you trust. By default false.",
    )
    dtype: DtypeName = Field(
        "float32",
        description="What the model computes in. By default float32, whatever the weights were "
        "saved in: bfloat16 keeps two or three digits, and has been seen to put attention weights "
        "off by 0.02. Either of the others halves the memory a model takes.",
    )
    device: DeviceName = Field(
        "auto",
        description="What the model runs on: cpu, cuda (the first GPU), cuda:1, mps (Apple), or "
        "split, which spreads a model that is larger than one device over all GPUs, the memory and "
        'the disk, as device_map="auto" does in transformers. By default auto, the best there is.',
    )
    license: Text = Field(
        "",
        description="The licence of the model, as its page is to state it: best a name of the SPDX "
        "list, such as Apache-2.0.",
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


class TurnShape(Shape):
    """A turn of a chat: who speaks, and what."""

    role: SomeText = Field(
        description="Who speaks: user, assistant or system, or another name that the model's chat "
        "template knows.",
        json_schema_extra={"examples": ["user", "assistant", "system"]},
    )
    content: SomeText = Field(description="What is said, exactly as written.")


def _text_or_mapping(schema: dict[str, Any]) -> None:
    """A sentence that is nothing but a text may be written as plain text."""
    keys = ("text", "image", "audio", "chat")
    mapping = {**schema, "anyOf": [{"required": [key]} for key in keys]}
    schema.clear()
    schema["description"] = mapping.pop("description")
    schema["anyOf"] = [{"type": "string", "minLength": 1}, mapping]


class SentenceShape(Shape):
    """A sentence: its text, or a mapping of what there is besides it."""

    model_config = ConfigDict(json_schema_extra=_text_or_mapping)

    # The validator of a key sees those above it: so the order matters.
    image: ImageFile = Field(
        "",
        description="For models that see: the image, a PNG, JPEG or WebP file; a relative path "
        "starts from the folder of this file.",
    )
    audio: AudioFile = Field(
        "",
        description="For models that hear: the sound, a WAV file of PCM samples, 60 seconds at "
        "most, with as many samples a second as the model was trained on, mostly 16,000. It takes "
        "the place of text. Whisper as it is published makes 1,500 tokens of any sound, which are "
        "more than a page shows well; wav2vec 2.0 and its kin make 50 of each second.",
    )
    chat: Annotated[list[TurnShape], Field(min_length=1)] | None = Field(
        None,
        description="For models that were trained to chat: the turns, each with a role and its "
        "content. The model's own chat template makes one text of them, and opens the model's turn "
        "unless the last one is the assistant's. It takes the place of text.",
    )
    text: Text | None = Field(
        None,
        validate_default=True,
        description="What the model reads, exactly as written; for a translator, the sentence to "
        "translate.",
        json_schema_extra={"minLength": 1},
    )
    pair: Text | None = Field(
        None,
        description="A second text, which the model reads together with the first: for a question, "
        "the passage that holds the answer; for a statement, the one it may follow from.",
        json_schema_extra={"minLength": 1},
    )
    target: Text = Field(
        "",
        description="For encoder-decoder models: what the decoder is fed, such as a translation, "
        "a caption or a transcript.",
    )
    generate: WrittenTokens = Field(
        0,
        description="For models that write: how many tokens the model adds by itself, always "
        "taking the likeliest, until it comes to its end token. A model that writes on after a "
        "text does so after this one; a translator or captioner writes its target, of at most as "
        "many tokens. What it writes is part of the exhibit.",
    )
    gold: Gold = Field(
        {},
        description="What is known beforehand: for a word, the word or words it belongs to, as in "
        "{it: animal}. In a translation or caption, words of the target come first: {black: noir}, "
        "{circle: r0c1-r2c3} for patches in rows 0 to 2 and columns 1 to 3. For a word that "
        "occurs twice, write the name it has on the page, such as the [3]; a phrase is written "
        "with a space between its words.",
    )
    lang: LanguageTag = Field(
        "",
        description="The language of the text, or of the target where there is no text, such as "
        "en, hi or zh-Hant: screen readers speak it, and browsers choose its letters, by that.",
    )
    license: Text = Field(
        "",
        description="The licence of the text, the image or the sound, as its page is to state it: "
        "best a name of the SPDX list, such as CC-BY-4.0; and whose work it is.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"text": value}

    @field_validator("audio")
    @classmethod
    def _is_no_image(cls, audio: str, info: ValidationInfo[Known]) -> str:
        if audio and info.data.get("image"):
            raise WrongValueError(
                "a sound cannot have an image beside it", "make two sentences of them"
            )
        return audio

    @field_validator("chat")
    @classmethod
    def _is_no_sound(
        cls, chat: list[TurnShape] | None, info: ValidationInfo[Known]
    ) -> list[TurnShape] | None:
        if chat and info.data.get("audio"):
            raise WrongValueError("a chat cannot have a sound beside it", "leave one of them out")
        return chat

    @field_validator("text")
    @classmethod
    def _says_something(cls, text: str | None, info: ValidationInfo[Known]) -> str:
        image, chat = info.data.get("image", ...), info.data.get("chat", ...)
        audio = info.data.get("audio", ...)
        if text is not None:
            if audio not in ("", ...):
                raise WrongValueError(
                    "a sound cannot have a text beside it",
                    "what is said in it is written as target, for a model that writes it down",
                )
            if chat not in (None, ...):
                raise WrongValueError(
                    "a chat cannot have a text beside it", "make it a turn, or leave one out"
                )
            return not_empty(text)
        if image == "" and audio == "" and chat is None:  # and not one with a fault of its own
            raise WrongValueError(
                "missing",
                "what the model reads, exactly as written; or an image, for a model that sees; or "
                "audio, for one that hears",
            )
        return ""

    @field_validator("generate")
    @classmethod
    def _has_no_target(cls, generate: int, info: ValidationInfo[Known]) -> int:
        if generate and info.data.get("target"):
            raise WrongValueError(
                "there is a target already, which the model reads as it is",
                "leave one of them out",
            )
        return generate

    @field_validator("pair")
    @classmethod
    def _has_a_first(cls, pair: str | None, info: ValidationInfo[Known]) -> str:
        if info.data.get("chat"):
            raise WrongValueError(
                "a chat cannot have a second text beside it", "make it a turn, or leave it out"
            )
        if info.data.get("audio"):
            raise WrongValueError("a sound cannot have a text beside it", "leave it out")
        if info.data.get("text") == "":  # and not one with a fault of its own
            raise WrongValueError(
                "is the second text, and there is no first", "write the first as text"
            )
        return not_empty(pair or "")


class ManifestShape(Shape):
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
