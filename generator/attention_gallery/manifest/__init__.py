"""YAML -> Gallery; every complaint carries file:line:column and the legal choices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from attention_gallery.errors import (
    GalleryError,
    ManifestError,
    ModelError,
    Where,
    quoted,
    raise_faults,
)
from attention_gallery.manifest.exhibit_shape import AgainstShape, ExhibitShape
from attention_gallery.manifest.faults import dotted, faults_of, repeated_ids
from attention_gallery.manifest.shape import ManifestShape, SentenceShape
from attention_gallery.manifest.strict import Known, WrongValueError
from attention_gallery.manifest.titles import one_line, shortened
from attention_gallery.manifest.values import HeadRuleShape, check_id, slug
from attention_gallery.manifest.yaml_source import Document, read_yaml
from attention_gallery.model_source import model_from_source
from attention_gallery.terms import (
    BETWEEN_TURNS,
    Exhibit,
    Gallery,
    HeadRule,
    Model,
    Question,
    Sentence,
    Start,
    Variant,
)


def read_manifest(path: Path) -> Gallery:
    """Read and check a manifest.

    Models are looked for and their `config.json` is read; nothing is run or fetched.

    Raises:
        ManifestError: The only fault.
        FaultsError: All faults, when there are several.
    """
    document = read_yaml(path)
    faults: list[GalleryError] = list(document.faults)
    try:
        shape = ManifestShape.model_validate(
            document.data, context=_known(document.data, path.parent)
        )
    except ValidationError as error:
        faults += faults_of(error, document)
        # What exhibits there are is not known, but an author wants to hear of all faults at once.
        faults += repeated_ids(_written_ids(document))
        raise_faults(faults)
        raise
    models, sentences = resolved(shape, document, path.parent)
    exhibits, unnamed = exhibits_of(shape, document, path.parent, models, sentences)
    faults += unnamed
    faults += repeated_ids((exhibit.id, exhibit.where) for exhibit in exhibits)
    raise_faults(faults)
    return Gallery(
        one_line(shape.title),
        shape.prose,
        document.file,
        tuple(exhibits),
        tuple(models.values()),
        tuple(sentences.values()),
    )


def _known(data: Mapping[str, Any], base: Path) -> Known:
    """What exhibits may refer to, taken from data that nobody has checked yet."""
    models, sentences = data.get("models"), data.get("sentences")
    return Known(
        base,
        models={name: folder_of(model, base) for name, model in models.items()}
        if isinstance(models, dict)
        else {},
        sentences=sentences.keys() if isinstance(sentences, dict) else (),
    )


def folder_of(model: Any, base: Path) -> Path | None:
    """Where the model is on this machine, of data that nobody has checked yet."""
    source = model.get("source") if isinstance(model, dict) else None
    try:
        found = model_from_source(source, base) if isinstance(source, str) else None
    except ModelError:  # reported where the model itself is validated
        return None
    on_disk = found and found.kind in ("folder", "specimen")
    return Path(found.location) if found and on_disk else None


def _written_ids(document: Document) -> Iterator[tuple[str, Where]]:
    """Ids of the exhibits that are not products, and their places."""
    exhibits = document.data.get("exhibits")
    for i, exhibit in enumerate(exhibits if isinstance(exhibits, list) else ()):
        if isinstance(exhibit, dict) and not exhibit.keys() & {"models", "sentences"}:
            name = exhibit.get("id")
            if name and isinstance(name, str):
                yield name, document.where(("exhibits", i, "id"))


def resolved(
    shape: ManifestShape, document: Document, base: Path
) -> tuple[dict[str, Model], dict[str, Sentence]]:
    """The models and the sentences that a manifest names."""
    models = {
        name: replace(
            model_from_source(
                model.source,
                base,
                name=name,
                revision=model.revision,
                trust_remote_code=model.trust_remote_code,
                where=document.where_key(("models", name)),
            ),
            allow_pickle=model.allow_pickle,
            dtype=model.dtype,
            device=model.device,
            license=one_line(model.license),
        )
        for name, model in shape.models.items()
    }
    sentences = {
        name: _sentence(sentence, name, base, document.where_key(("sentences", name)))
        for name, sentence in shape.sentences.items()
    }
    return models, sentences


def exhibits_of(
    shape: ManifestShape,
    document: Document,
    base: Path,
    models: Mapping[str, Model],
    sentences: Mapping[str, Sentence],
) -> tuple[list[Exhibit], list[GalleryError]]:
    """The exhibits, with products multiplied out; and a fault for each that gets no id.

    Args:
        shape: What was validated.
        document: Where it stands.
        base: Where relative paths start from.
        models: All that exhibits may name.
        sentences: The same.
    """
    exhibits: list[Exhibit] = []
    faults: list[GalleryError] = []
    for i, exhibit in enumerate(shape.exhibits):
        where = document.where(("exhibits", i, "id"))
        start = Start(
            exhibit.start.head,
            exhibit.start.token,
            document.where(("exhibits", i, "start"))
            if "start" in exhibit.model_fields_set
            else None,
        )
        question = Question(
            exhibit.ask.word,
            exhibit.ask.rather_than,
            exhibit.ask.at,
            document.where(("exhibits", i, "ask")) if "ask" in exhibit.model_fields_set else None,
        )
        labels = str((base / exhibit.labels).resolve()) if exhibit.labels else ""
        for model, sentence in itertools.product(
            exhibit.models or [exhibit.model], exhibit.sentences or [exhibit.sentence]
        ):
            own = models[model], sentences[sentence]
            against = _variants(exhibit.against, models, sentences, *own)
            try:
                exhibits.append(_exhibit(exhibit, *own, where, start, against, question, labels))
            except WrongValueError as error:
                message = f"{dotted(('exhibits', i, 'id'))}: {error.message}"
                faults.append(ManifestError(message, where, error.hint))
    return exhibits, faults


def _sentence(shape: SentenceShape, name: str, base: Path, where: Where) -> Sentence:
    chat = tuple((turn.role, turn.content) for turn in shape.chat or ())
    return Sentence(
        name,
        shape.text or BETWEEN_TURNS.join(content for _, content in chat),
        shape.target,
        str((base / shape.image).resolve()) if shape.image else "",
        {query: tuple(keys) for query, keys in shape.gold.items()},
        where,
        pair=shape.pair or "",
        chat=chat,
        audio=str((base / shape.audio).resolve()) if shape.audio else "",
        generate=shape.generate,
        lang=shape.lang,
        license=one_line(shape.license),
    )


def _variants(
    shape: AgainstShape | None,
    models: Mapping[str, Model],
    sentences: Mapping[str, Sentence],
    model: Model,
    sentence: Sentence,
) -> tuple[Variant, ...]:
    """What an exhibit of a model on a sentence is held against, without the exhibit itself."""
    if shape is None:
        return ()
    others = [sentences[name] for name in shape.sentences if name != sentence.id]
    return (
        *(Variant(name, models[name], sentence) for name in shape.models if name != model.id),
        *(
            Variant(name, model, other)
            for name, other in zip(_names(sentence, others), others, strict=True)
        ),
    )


def _names(own: Sentence, others: list[Sentence]) -> list[str]:
    """What tells other sentences apart: their texts, or their targets, or else their ids."""
    sentences = (own, *others)
    for texts in ([_says(each) for each in sentences], [each.target for each in sentences]):
        names = [shortened(text) for text in texts]
        if all(names) and len(set(names)) == len(names):
            return names[1:]
    return [other.id for other in others]


def _exhibit(
    shape: ExhibitShape,
    model: Model,
    sentence: Sentence,
    where: Where,
    start: Start,
    against: tuple[Variant, ...],
    question: Question,
    labels: str,
) -> Exhibit:
    """One exhibit of a product, or the only one.

    Raises:
        WrongValueError: When the names of the product make no id.
    """
    varying = [
        part.id for part, several in ((model, shape.models), (sentence, shape.sentences)) if several
    ]
    title = one_line(shape.title)
    if shape.sentences or not title:
        says = shortened(_says(sentence))
        title = f"{title}: {says}" if title else says
    if shape.models:
        title = f"{title} ({model.id})"
    return Exhibit(
        id=_joined_id(shape.id, varying),
        title=title,
        model=model,
        sentence=sentence,
        attention=shape.attention,
        heads=HeadRule(shape.heads.pattern, shape.heads.top)
        if isinstance(shape.heads, HeadRuleShape)
        else tuple(shape.heads),
        views=tuple(shape.views),
        prose=shape.prose,
        start=start,
        against=against,
        tags=tuple(shape.tags),
        where=where,
        measures=tuple(shape.measures),
        question=question,
        labels=labels,
        look_for=shape.look_for,
    )


def _joined_id(base: str, names: list[str]) -> str:
    slugs = [slug(name) for name in names]
    for name, part in zip(names, slugs, strict=True):
        if not part:
            raise WrongValueError(
                f"the name {quoted(name)} has no letter a-z or digit to make a page's address of",
                "rename it; its text may be in any script",
            )
    return check_id("-".join([base, *slugs] if base else slugs))


def _says(sentence: Sentence) -> str:
    """What a title calls a sentence by; a chat goes by what its user said last."""
    for role, content in reversed(sentence.chat):
        if role == "user":
            return content
    return sentence.text or sentence.target or sentence.id
