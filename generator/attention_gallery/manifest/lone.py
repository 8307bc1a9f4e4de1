"""One exhibit without a manifest, held to the same rules."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from attention_gallery.errors import InputError, raise_faults
from attention_gallery.manifest.exhibit_shape import ExhibitShape
from attention_gallery.manifest.faults import faults_of_values
from attention_gallery.manifest.strict import Known, WrongValueError
from attention_gallery.manifest.titles import shortened
from attention_gallery.manifest.values import (
    HeadRuleShape,
    check_audio,
    check_device,
    check_image,
    made_showable,
    not_empty,
    showable,
)
from attention_gallery.model_source import model_from_source
from attention_gallery.terms import (
    AttentionKind,
    Dtype,
    Exhibit,
    Head,
    HeadRule,
    Model,
    Question,
    Sentence,
)


def lone_exhibit(
    source: str | Model,
    text: str = "",
    *,
    pair: str = "",
    image: str = "",
    audio: str = "",
    target: str = "",
    revision: str = "",
    dtype: Dtype = "float32",
    device: str = "auto",
    attention: AttentionKind | None = None,
    **asked: Any,
) -> Exhibit:
    """An exhibit of one model on one text, image or sound.

    Args:
        source: The model, as in a manifest, or one that is known already.
        text: What the model reads; empty where it only sees, or hears.
        pair: A second text that it reads together with the first.
        image: Path of the image it sees, if any.
        audio: Path of the sound it hears, if any.
        target: What the decoder of an encoder-decoder is fed.
        revision: The commit of a hub model.
        dtype: What it computes in.
        device: What it runs on, as in a manifest.
        attention: Which attention; None for the model's natural one.
        asked: What else a manifest says of an exhibit: `heads`, `views`, `measures`, `ask`.

    Raises:
        InputError: A text that no page can show, an image or a sound that cannot be used, a device
            that there cannot be, or something else that a manifest may not say either.
        ModelError: There is no such model.
    """
    if audio and (text or pair or image):
        raise InputError(
            "a sound cannot have a text or an image beside it",
            hint="what is said in it is its target, for a model that writes it down",
        )
    try:
        showable(text if (image or audio) and not pair else not_empty(text))
        showable(target)
        showable(pair and not_empty(pair))
    except WrongValueError as error:
        raise InputError(f"the text {error.message}", hint=error.hint) from None
    try:
        check_device(device)
        if image:
            check_image(image, Path())
        if audio:
            check_audio(audio, Path())
    except WrongValueError as error:
        raise InputError(error.message, hint=error.hint) from None
    model = source if isinstance(source, Model) else _model(source, revision, dtype, device)
    shape = _shape(model, attention, asked)
    file = image or audio
    on = shortened(made_showable(Path(file).name) if file else text)
    return Exhibit(
        id="show",
        title=f"{model.source} on “{on}”",
        model=model,
        sentence=Sentence(
            "text",
            text,
            target,
            image and str(Path(image).resolve()),
            pair=pair,
            audio=audio and str(Path(audio).resolve()),
        ),
        attention=shape.attention,
        heads=HeadRule(shape.heads.pattern, shape.heads.top)
        if isinstance(shape.heads, HeadRuleShape)
        else tuple(shape.heads),
        views=tuple(shape.views),
        measures=tuple(shape.measures),
        question=Question(shape.ask.word, shape.ask.rather_than, shape.ask.at),
    )


def _model(source: str, revision: str, dtype: Dtype, device: str) -> Model:
    """The model of a source.

    Raises:
        ModelError: There is none.
    """
    model = dataclasses.replace(
        model_from_source(source, revision=revision), dtype=dtype, device=device
    )
    if model.kind == "folder":  # whoever gets the page has no use for a path of this machine
        model = dataclasses.replace(model, source=made_showable(Path(model.location).name))
    return model


def _shape(model: Model, attention: str | None, asked: dict[str, Any]) -> ExhibitShape:
    """What is said of an exhibit, checked as in a manifest.

    Raises:
        InputError: What is wrong with it; of several faults, all at once.
    """
    folder = Path(model.location) if model.kind in ("folder", "specimen") else None
    known = Known(Path(), {model.id: folder}, {"text"})
    said = {"model": model.id, "sentence": "text", "id": "show", "attention": attention}
    given = {name: _plain(value) for name, value in asked.items()}
    try:
        return ExhibitShape.model_validate({**said, **given}, context=known)
    except ValidationError as error:
        raise_faults(faults_of_values(error))
        raise


def _plain(value: Any) -> Any:
    """A value of Python's as one of YAML's."""
    if isinstance(value, Head):
        return str(value)
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
