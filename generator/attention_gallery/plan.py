"""Gallery -> Plan: the captures that are needed, each once, under keys that never go stale.

A key is made of everything that decides a capture and of nothing else. Titles, prose, heads and
views can change for ever without a model being run again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from attention_gallery import digests
from attention_gallery.digests import digest_folder, digest_of
from attention_gallery.errors import InputError, ModelError, quoted, raise_faults
from attention_gallery.manifest.faults import repeated_ids
from attention_gallery.terms import (
    CaptureRequest,
    Exhibit,
    Extra,
    Gallery,
    MeasureRequest,
    Model,
    Need,
    Plan,
    Question,
    Sentence,
)

CAPTURE_FORMAT = 3
"""Raised whenever `capture` comes to make something else of the same model and sentence."""

MEASURE_FORMAT = 1
"""Raised whenever a measure comes to find something else on the same model and sentence."""


def make_plan(
    galleries: Sequence[Gallery],
    parts_of: Callable[[Exhibit], frozenset[Extra]] = lambda _: frozenset(),
    needs_of: Callable[[Exhibit], Iterable[Need]] = lambda _: (),
) -> Plan:
    """Find out what has to be captured and measured for the exhibits of a site.

    Args:
        galleries: In the order of the site.
        parts_of: Says what the captures of an exhibit have to hold besides weights.
        needs_of: Says what is measured for an exhibit.

    Raises:
        InputError: When exhibits of different galleries have the same id, or a model's files or
            an image or a sound cannot be read, or an exhibit does not say what a measure is of.
    """
    exhibits = [exhibit for gallery in galleries for exhibit in gallery.exhibits]
    raise_faults(repeated_ids((exhibit.id, exhibit.where) for exhibit in exhibits))
    # A folder and a file are read once for all their exhibits.
    digest_model, digest_file = cache(digest_folder), cache(digests.digest_file)
    passes: dict[str, CaptureRequest] = {}  # by what is run, whatever is kept of it
    used: dict[str, list[str]] = {}
    measures: dict[str, MeasureRequest] = {}
    measured: dict[str, dict[str, str]] = {}
    faults: list[InputError] = []
    for exhibit in exhibits:
        own = (exhibit.model, exhibit.sentence)
        variants = ((variant.model, variant.sentence) for variant in exhibit.against)
        used[exhibit.id] = []
        for model, sentence in (own, *variants):
            identity = _identity(model, sentence, digest_model, digest_file)
            digest = digest_of(identity)
            before = passes.get(digest) or _request(digest, model, sentence, identity)
            passes[digest] = dataclasses.replace(
                before,
                wheres=(*before.wheres, *([exhibit.where] if exhibit.where else [])),
                parts=before.parts | parts_of(exhibit),
            )
            used[exhibit.id].append(digest)
        measured[exhibit.id] = {}
        for need in needs_of(exhibit):
            try:
                request = _measure(exhibit, need, digest_model, digest_file)
            except InputError as fault:
                faults.append(fault)
                continue
            wheres = measures[request.key].wheres if request.key in measures else ()
            measures[request.key] = dataclasses.replace(request, wheres=(*wheres, *request.wheres))
            measured[exhibit.id][need.measure] = request.key
    raise_faults(faults)
    requests = {digest: _keyed(request) for digest, request in passes.items()}
    return Plan(
        tuple(galleries),
        {request.key: request for request in requests.values()},
        {name: requests[digests[0]].key for name, digests in used.items()},
        {
            name: tuple(requests[digest].key for digest in digests[1:])
            for name, digests in used.items()
        },
        measures,
        measured,
    )


def _measure(
    exhibit: Exhibit,
    need: Need,
    digest_model: Callable[..., str],
    digest_file: Callable[[Path], str],
) -> MeasureRequest:
    """A measure that an exhibit needs, under its key.

    Raises:
        InputError: When the exhibit does not say what it is of, or that cannot be read.
    """
    model, labels_digest = exhibit.model, ""
    sentences = [exhibit.sentence] if need.reads in ("sentence", "pair") else []
    if need.reads == "pair":
        others = [variant.sentence for variant in exhibit.against if variant.model == model]
        if len(others) != 1:
            raise InputError(
                f"the measure {need.measure} is of two sentences that differ in a word",
                exhibit.where,
                "name the other one: against: {sentences: [...]}",
            )
        sentences += others
    if need.reads == "labels":
        if not exhibit.labels:
            raise InputError(
                f"the measure {need.measure} is of labelled sentences, and none are named",
                exhibit.where,
                "write labels: and a YAML or CSV file of them",
            )
        try:
            labels_digest = digest_file(Path(exhibit.labels))
        except OSError as error:
            name = quoted(Path(exhibit.labels).name)
            message = f"the labels {name} cannot be read: {error.strerror}"
            raise InputError(message, exhibit.where) from None
    question = exhibit.question if need.asks else Question()
    passes = []
    identities = []
    for sentence in sentences:
        identity = _identity_of_sentence(sentence, digest_file)
        identities.append(identity)
        passes.append(_request("", model, sentence, identity))
    key = {
        "measure": need.measure,
        "measure_format": MEASURE_FORMAT,
        **_identity_of_model(model, digest_model),
        "sentences": identities,
        "question": [question.word, question.rather_than, question.at],
        "labels": labels_digest,
    }
    return MeasureRequest(
        digest_of(key),
        need.measure,
        model,
        tuple(passes),
        question,
        (exhibit.where,) if exhibit.where else (),
        exhibit.labels if need.reads == "labels" else "",
        labels_digest,
    )


def _request(
    key: str, model: Model, sentence: Sentence, identity: Mapping[str, Any]
) -> CaptureRequest:
    """A pass of a model over a sentence, whose files must keep the digests it is planned with."""
    return CaptureRequest(
        key,
        model,
        sentence,
        image_digest=identity.get("image", ""),
        audio_digest=identity.get("audio", ""),
    )


def _identity(
    model: Model,
    sentence: Sentence,
    digest_model: Callable[..., str],
    digest_file: Callable[[Path], str],
) -> dict[str, Any]:
    """All that decides what a pass makes.

    Raises:
        InputError: When the model, the image or the sound cannot be read.
    """
    return {
        "format": CAPTURE_FORMAT,
        **_identity_of_model(model, digest_model),
        **_identity_of_sentence(sentence, digest_file),
    }


def _keyed(request: CaptureRequest) -> CaptureRequest:
    """A pass under the key of its capture, which also depends on what is kept."""
    if not request.parts:
        return request
    kept = {"pass": request.key, "parts": sorted(request.parts)}
    return dataclasses.replace(request, key=digest_of(kept))


def _identity_of_model(model: Model, digest: Callable[..., str]) -> dict[str, Any]:
    """All of a model that decides what it makes of a sentence.

    Raises:
        ModelError: When its folder cannot be read.
    """
    if model.kind == "hub":
        identity = f"{model.location}@{model.revision}"
    elif model.kind in ("api", "memory"):  # what is in memory is never stored for another time
        identity = model.revision
    else:
        try:
            identity = digest(Path(model.location), own_code=model.trust_remote_code)
        except OSError as error:
            message = f"the model {quoted(model.id)} cannot be read: {error.strerror}"
            raise ModelError(message, model.where) from None
    # Float32 says nothing, so that keys are what they were before one could choose. A device says
    # nothing at all: what two of them compute differs in rounding, and a capture made on a GPU has
    # to be found by those who have none; its provenance names the device.
    dtype = {} if model.dtype == "float32" else {"dtype": model.dtype}
    return {"model": identity, "trust_remote_code": model.trust_remote_code, **dtype}


def _identity_of_sentence(sentence: Sentence, digest: Callable[[Path], str]) -> dict[str, Any]:
    """All of a sentence that decides what a model makes of it.

    Raises:
        InputError: When its image or its sound cannot be read.
    """
    identity: dict[str, Any] = {"text": sentence.text, "target": sentence.target}
    # A text says nothing of the rest, so that keys are what they were before there was any.
    if sentence.pair:
        identity["pair"] = sentence.pair
    if sentence.chat:
        identity["chat"] = sentence.chat
    if sentence.generate:
        identity["generate"] = sentence.generate
    for name, key, path in (("image", "image", sentence.image), ("sound", "audio", sentence.audio)):
        if path:
            try:
                identity[key] = digest(Path(path))
            except OSError as error:
                message = f"the {name} of {quoted(sentence.id)} cannot be read: {error.strerror}"
                raise InputError(message, sentence.where) from None
    return identity
