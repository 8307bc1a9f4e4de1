"""The values a manifest may hold, each with the check and the words for a value that is wrong.

A check that needs to know the rest of the manifest finds it in the validation's context, `Known`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any, TypeVar
from warnings import catch_warnings, simplefilter

from PIL import Image, UnidentifiedImageError
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    ValidationInfo,
    WithJsonSchema,
)

from attention_gallery import resources
from attention_gallery.errors import choices, listing, quoted
from attention_gallery.manifest.strict import Known, Shape, WrongValueError
from attention_gallery.terms import (
    ATTENTION_KINDS,
    DTYPES,
    IMAGE_FORMATS,
    PATTERNS,
    AttentionKind,
    Dtype,
    Head,
)
from attention_gallery.wav import WavError, read_wav

_T = TypeVar("_T", bound=Hashable)

_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?")
# `index` is the address of the list of exhibits; a zip with the others cannot be opened on Windows.
_TAKEN = {"index", "con", "prn", "aux", "nul"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)
}
# Of BCP 47 what languages are told by: language, then script, region and variants.
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}")
_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,2})?|mps|split")
# More than any model sees, fewer than a bomb has.
_MOST_PIXELS = 50_000_000
# Of tokens that a model writes by itself.
_MOST_WRITTEN = 128
# Of heads that a rule chooses.
_MOST_CHOSEN = 64
# What XML, and so an SVG, cannot carry in any way of writing: controls and halves of surrogates.
_UNSHOWABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def slug(text: str) -> str:
    """Lower-case ASCII letters, digits and single hyphens that stand for `text` in an address."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).strip("-")


def check_id(text: str) -> str:
    """Return `text` when it can be the address of an exhibit's page.

    Raises:
        WrongValueError: When it cannot.
    """
    if not _SLUG.fullmatch(text):
        hint = "ids are lower-case letters, digits and hyphens, at most 100"
        if (better := slug(text)) and len(better) <= 100:
            hint += f", such as {better}"
        raise WrongValueError(f"{quoted(text)} cannot be the address of a page", hint)
    if text in _TAKEN:
        raise WrongValueError(f"{quoted(text)} is a reserved name", "choose another id")
    return text


def showable(text: str) -> str:
    """Text that a page can carry.

    Raises:
        WrongValueError: When it cannot.
    """
    if found := _UNSHOWABLE.search(text):
        raise WrongValueError(f"holds the character U+{ord(found[0]):04X}, which no page can show")
    return text


def made_showable(text: str) -> str:
    """The name of a file, which may hold anything, with a sign for what no page can carry."""
    return _UNSHOWABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def not_empty(text: str) -> str:
    """Text that says something.

    Raises:
        WrongValueError: When it does not.
    """
    if not text.strip():
        raise WrongValueError("is empty", "write some text")
    return text


def _once(items: list[_T]) -> list[_T]:
    seen: set[_T] = set()
    for i, item in enumerate(items):
        if item in seen:
            raise WrongValueError(f"{quoted(str(item))} is named twice", at=(i,))
        seen.add(item)
    return items


def _model(name: str, info: ValidationInfo[Known]) -> str:
    if name not in info.context.models:
        raise WrongValueError(
            f"unknown model {quoted(name)}", choices(name, info.context.models, "models")
        )
    return name


def _sentence(name: str, info: ValidationInfo[Known]) -> str:
    known = info.context.sentences
    if name not in known:
        raise WrongValueError(f"unknown sentence {quoted(name)}", choices(name, known, "sentences"))
    return name


def _view(name: str) -> str:
    if name not in (known := resources.view_names()):
        raise WrongValueError(f"unknown view {quoted(name)}", choices(name, known, "views"))
    return name


def _attention(kind: Any) -> Any:
    if isinstance(kind, str) and kind not in ATTENTION_KINDS:
        hint = choices(kind, ATTENTION_KINDS, "kinds")
        raise WrongValueError(f"unknown kind of attention {quoted(kind)}", hint)
    return kind


def _dtype(name: Any) -> Any:
    if isinstance(name, str) and name not in DTYPES:
        hint = choices(name, DTYPES, "data types")
        raise WrongValueError(f"unknown data type {quoted(name)}", hint)
    return name


def check_device(name: str) -> str:
    """Return `name` when it is a device a model can be put on, here or elsewhere.

    Raises:
        WrongValueError: When it is not.
    """
    if not _DEVICE.fullmatch(name):
        devices = ("auto", "cpu", "cuda", "cuda:1", "mps", "split")
        raise WrongValueError(f"unknown device {quoted(name)}", listing(devices, "devices"))
    return name


def _language(tag: str) -> str:
    if tag and not _LANGUAGE.fullmatch(tag):
        hint = "write a tag of BCP 47, such as en, hi, pt-BR or zh-Hant"
        raise WrongValueError(f"{quoted(tag)} is not the tag of a language", hint)
    return tag


def _image(name: str, info: ValidationInfo[Known]) -> str:
    if name:
        check_image(name, info.context.base)
    return name


def check_image(name: str, base: Path) -> None:
    """See that a file, as seen from `base`, is an image that may be opened.

    Raises:
        WrongValueError: When it is not.
    """
    too_large = f"scale it down to {_MOST_PIXELS:,} pixels at most; models see far fewer"
    try:
        with catch_warnings():
            simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is lower
            with Image.open(base / name, formats=IMAGE_FORMATS) as image:
                n_pixels = image.width * image.height
    except FileNotFoundError:
        hint = "a relative path starts from the folder of this file"
        raise WrongValueError(f"there is no file {quoted(name)}", hint) from None
    except UnidentifiedImageError:
        hint = "save it as " + ", ".join(IMAGE_FORMATS)
        raise WrongValueError(f"{quoted(name)} is not an image", hint) from None
    except Image.DecompressionBombError:
        raise WrongValueError(f"{quoted(name)} has too many pixels", too_large) from None
    except (OSError, ValueError, SyntaxError) as error:  # Pillow raises all three
        reason = getattr(error, "strerror", None) or "it is damaged, or holds more than an image"
        raise WrongValueError(f"{quoted(name)} cannot be read: {reason}") from None
    if n_pixels > _MOST_PIXELS:
        raise WrongValueError(f"{quoted(name)} has {n_pixels:,} pixels", too_large)


def _audio(name: str, info: ValidationInfo[Known]) -> str:
    if name:
        check_audio(name, info.context.base)
    return name


def check_audio(name: str, base: Path) -> None:
    """See that a file, as seen from `base`, is a sound that can be used.

    Raises:
        WrongValueError: When it is not.
    """
    try:
        read_wav((base / name).read_bytes())
    except FileNotFoundError:
        hint = "a relative path starts from the folder of this file"
        raise WrongValueError(f"there is no file {quoted(name)}", hint) from None
    except WavError as error:
        raise WrongValueError(f"{quoted(name)} {error}", error.hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be opened"
        raise WrongValueError(f"{quoted(name)} cannot be read: {reason}") from None


def _written(n_tokens: int) -> int:
    if not 1 <= n_tokens <= _MOST_WRITTEN:
        wrong = "is not above zero" if n_tokens < 1 else "is more than a page shows well"
        raise WrongValueError(wrong, f"write 1 to {_MOST_WRITTEN}, or leave it out")
    return n_tokens


def _words(words: Any) -> Any:
    if isinstance(words, list):
        return words
    if isinstance(words, str):
        return [words]
    wrong = "has no value" if words is None else "must be a word or a list of words"
    hint = "write a word, or a list of words, each in quotes if YAML reads it as something else"
    raise WrongValueError(wrong, hint)


def _head(text: Any) -> Head:
    hint = "write L5H1 for head 1 of layer 5, both counted from 0"
    if not isinstance(text, str):
        raise WrongValueError("must be a head", hint)
    try:
        return Head.parse(text)
    except ValueError:
        raise WrongValueError(f"{quoted(text)} is not a head", hint) from None


def _heads(heads: Any) -> Any:
    if heads == "all":
        return []
    if isinstance(heads, dict) or (isinstance(heads, list) and heads):
        return heads
    wrong = "is empty" if heads == [] else "is neither all, nor a list, nor a rule"
    hint = "write all, a list such as [L1H3, L0H2], or a rule such as {pattern: induction, top: 3}"
    raise WrongValueError(wrong, hint)


def _is_rule(heads: Any) -> str:
    """Which of the two it is; `faults` takes these words out of places again."""
    return "[rule]" if isinstance(heads, dict | HeadRuleShape) else "[list]"


def _measure(name: str) -> str:
    names = resources.measure_names()
    if name not in names:
        raise WrongValueError(f"unknown measure {quoted(name)}", choices(name, names, "measures"))
    return name


def _pattern(name: str) -> str:
    if name not in PATTERNS:
        hint = choices(name, PATTERNS, "patterns")
        raise WrongValueError(f"unknown pattern {quoted(name)}", hint)
    return name


def _labels(name: str, info: ValidationInfo[Known]) -> str:
    if not name:
        return name
    try:
        is_file = (info.context.base / name).is_file()
    except (OSError, ValueError):  # too long for a path, or no path at all
        is_file = False
    if not is_file:
        hint = "a relative path starts from the folder of this file"
        raise WrongValueError(f"there is no file {quoted(name)}", hint)
    return name


def _top(n_heads: int) -> int:
    if not 1 <= n_heads <= _MOST_CHOSEN:
        wrong = "is not above zero" if n_heads < 1 else "is more than a page shows well"
        raise WrongValueError(wrong, f"write 1 to {_MOST_CHOSEN}, or leave it out for 1")
    return n_heads


_HEAD_SCHEMA = {"type": "string", "pattern": "^L[0-9]{1,4} ?H[0-9]{1,4}$"}

Text = Annotated[str, AfterValidator(showable)]
SomeText = Annotated[Text, AfterValidator(not_empty), Field(json_schema_extra={"minLength": 1})]
ModelName = Annotated[str, AfterValidator(_model)]
SentenceName = Annotated[str, AfterValidator(_sentence)]
ViewName = Annotated[str, AfterValidator(_view), Field(examples=["edges", "heatmap"])]
MeasureName = Annotated[str, AfterValidator(_measure), Field(examples=["norms", "rollout"])]
PatternName = Annotated[str, AfterValidator(_pattern), Field(examples=["induction"])]
LabelsFile = Annotated[Text, AfterValidator(_labels)]
AttentionName = Annotated[AttentionKind, BeforeValidator(_attention)]
DtypeName = Annotated[Dtype, BeforeValidator(_dtype)]
DeviceName = Annotated[
    str,
    AfterValidator(check_device),
    Field(json_schema_extra={"pattern": f"^({_DEVICE.pattern})$"}),
]
LanguageTag = Annotated[
    str,
    AfterValidator(_language),
    Field(json_schema_extra={"pattern": f"^{_LANGUAGE.pattern}$"}),
]
HeadName = Annotated[Head, PlainValidator(_head), WithJsonSchema(_HEAD_SCHEMA)]

WrittenTokens = Annotated[
    int,
    AfterValidator(_written),
    Field(json_schema_extra={"minimum": 1, "maximum": _MOST_WRITTEN}),
]

ImageFile = Annotated[Text, AfterValidator(_image)]
AudioFile = Annotated[Text, AfterValidator(_audio)]

Once = AfterValidator(_once)
"""Makes a list refuse to hold anything twice."""

Words = Annotated[
    list[SomeText],
    Once,
    BeforeValidator(_words),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            ]
        }
    ),
]
"""A word, or a list of words."""

Gold = dict[SomeText, Words]


class HeadRuleShape(Shape):
    """Heads that are chosen by what they do."""

    pattern: PatternName = Field(description="What they do, as probes of the model show.")
    top: Annotated[int, AfterValidator(_top)] = Field(
        1, description="How many: those that follow the pattern furthest. By default 1."
    )


Heads = Annotated[
    Annotated[Annotated[list[HeadName], Once], Tag("[list]")]
    | Annotated[HeadRuleShape, Tag("[rule]")],
    Discriminator(_is_rule),
    BeforeValidator(_heads),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "all"},
                {"type": "array", "items": _HEAD_SCHEMA, "minItems": 1},
                {
                    "type": "object",
                    "properties": {
                        "pattern": {"enum": list(PATTERNS)},
                        "top": {"type": "integer", "minimum": 1, "maximum": _MOST_CHOSEN},
                    },
                    "required": ["pattern"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""All heads, as an empty list, or the heads that are named, or a rule that chooses them."""
