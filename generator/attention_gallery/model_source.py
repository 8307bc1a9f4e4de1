"""Where a model comes from, and what its `config.json` tells about its heads, without torch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from attention_gallery import resources
from attention_gallery.digests import digest_file
from attention_gallery.errors import ModelError, Where, choices, quoted
from attention_gallery.terms import AttentionKind, Model

_HUB_ID = re.compile(r"\w[\w.-]{0,95}(/\w[\w.-]{0,95})?", re.ASCII)
# What stands on top of a model card, as YAML.
_LICENSE = re.compile(
    r"---\n(?:(?!---).*\n)*?"
    r"license:[ ]*(?P<name>[^\s\[{#][^\n#]{0,80})(?:#.*)?\n"
    r"(?:(?!---).*\n)*?---\n"
)
_HEAD_OF_CARD = 10_000  # characters
_FOLDER_STARTS = ("./", "../", "/", "~")

# The names model families have for the same two numbers, the commonest first.
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers", "depth")
_HEADS = ("num_attention_heads", "n_head", "num_heads", "n_heads")
_STACK_LAYERS = {
    "encoder": ("encoder_layers", "num_encoder_layers", *_LAYERS),
    "decoder": ("decoder_layers", "num_decoder_layers", *_LAYERS),
}
_STACK_HEADS = {
    "encoder": ("encoder_attention_heads", "num_encoder_attention_heads", *_HEADS),
    "decoder": ("decoder_attention_heads", "num_decoder_attention_heads", *_HEADS),
}


@dataclass(frozen=True, slots=True)
class HeadCounts:
    """How many layers a model has, and how many heads each of them."""

    layers: int
    heads: int

    def __str__(self) -> str:
        return f"{_counted(self.layers, 'layer', 'L')} of {_counted(self.heads, 'head', 'H')}"


def model_from_source(
    source: str,
    base: Path | None = None,
    *,
    name: str = "",
    revision: str = "",
    trust_remote_code: bool = False,
    where: Where | None = None,
) -> Model:
    """Understand ``specimen:NAME``, a folder, ``api:FILE``, or a hub id; no hub is asked.

    Args:
        source: As the author wrote it.
        base: The folder that relative paths start from; by default the working directory.
        name: The model's name in a manifest; by default its source.
        revision: The commit of a hub model.
        trust_remote_code: Whether code that comes with the model may run.
        where: The place in a manifest that names the model.

    Raises:
        ModelError: When there is no such specimen or folder, when `source` has none of the forms,
            or when something that is not on the hub is given a revision.
    """
    kind, location = _locate(source, base)
    if revision and kind != "hub":
        raise ModelError("only a model on the hub has a revision", hint=f"this is a {kind}")
    if kind == "api":
        revision = _digest(source, location)
    return Model(name or source, source, kind, location, revision, trust_remote_code, where=where)


def read_license(model: Model) -> str:
    """The licence that a model's card states; empty where there is no card on this machine.

    The checkpoints of a specimen have the card of the specimen.
    """
    if model.kind not in ("folder", "specimen"):
        return ""
    folder = Path(model.location)
    for place in (folder, *[folder.parent] * (model.kind == "specimen")):
        try:
            with (place / "README.md").open(encoding="utf-8", errors="replace") as card:
                head = card.read(_HEAD_OF_CARD)
        except OSError:
            continue
        if found := _LICENSE.match(head):
            return found["name"].strip("\"' ")
    return ""


def _digest(source: str, location: str) -> str:
    """What an answer is known by, so that it is seen when it changes.

    Raises:
        ModelError: When it cannot be read.
    """
    try:
        return digest_file(Path(location))
    except OSError as error:
        raise ModelError(f"{quoted(source)} cannot be read: {error.strerror}") from error


def _locate(
    source: str, base: Path | None
) -> tuple[Literal["hub", "folder", "specimen", "api"], str]:
    """Which kind of source it is, and what ``from_pretrained`` is given, or the file of an API."""
    if source.startswith("api:"):
        name = source.removeprefix("api:").strip()
        try:
            file = ((base or Path()) / Path(name).expanduser()).resolve()
            is_file = file.is_file()
        except (OSError, RuntimeError, ValueError):
            is_file = False
        if not is_file:
            hint = "it is the JSON that the API answered with, and its path starts from here"
            raise ModelError(f"there is no file {quoted(name)}", hint=hint)
        return "api", str(file)
    if source.startswith("specimen:"):
        name = source.removeprefix("specimen:").strip()
        specimens = resources.specimens()
        if name not in specimens:
            hint = choices(name, specimens, "specimens")
            raise ModelError(f"there is no specimen {quoted(name)}", hint=hint)
        return "specimen", str(specimens[name])
    folder = _folder(source, base or Path())
    if folder is not None:
        try:
            is_model = (folder / "config.json").is_file()
        except OSError as error:
            raise ModelError(
                f"the folder {quoted(source)} cannot be read: {error.strerror}"
            ) from error
        if not is_model:
            hint = "a model's folder is what save_pretrained writes"
            raise ModelError(f"the folder {quoted(source)} holds no config.json", hint=hint)
        return "folder", str(folder)
    if source.startswith(_FOLDER_STARTS):
        start = (
            f"the working directory, {Path.cwd()}" if base is None else "the folder of this file"
        )
        hint = f"a relative path starts from {start}"
        raise ModelError(f"there is no folder {quoted(source)}", hint=hint)
    if _HUB_ID.fullmatch(source):
        return "hub", source
    raise ModelError(
        f"{quoted(source)} is not a model's source",
        hint="write specimen:NAME, a folder such as ./model, a hub id such as org/name, or "
        "api:FILE for an answer that an API gave",
    )


def read_head_counts(folder: Path, attention: AttentionKind | None) -> HeadCounts | None:
    """Layers and heads of one kind of attention, as far as `config.json` tells.

    Families may name them as they like, so None means nothing but "not known here": the capture
    checks again with the model itself.

    Args:
        folder: The model's folder.
        attention: Which attention; None for the model's natural one.
    """
    config = _read(folder / "config.json")
    if config is None:
        return None
    if isinstance(config.get("vision_config"), dict):
        if attention == "vision":
            config = config["vision_config"]
            layers, heads = _number(config, _LAYERS), _number(config, _HEADS)
            return HeadCounts(layers, heads) if layers and heads else None
        # Only some layers of what reads look at the image; and of two parts that know nothing of
        # each other the natural one is that which a sentence is for.
        if attention == "cross" or (attention is None and not _has_image_in_text(config)):
            return None
    # Cross-attention sits in the decoder, and is the natural kind wherever it exists.
    stack = "encoder" if attention == "encoder" else "decoder"
    if config.get("is_encoder_decoder") or isinstance(config.get("decoder"), dict):
        config = _inner(config, stack)
        layers, heads = _number(config, _STACK_LAYERS[stack]), _number(config, _STACK_HEADS[stack])
    else:
        config = _inner(config, "text_config")
        layers, heads = _number(config, _LAYERS), _number(config, _HEADS)
    return HeadCounts(layers, heads) if layers and heads else None


def read_patch_grid(folder: Path) -> tuple[int, int] | None:
    """Rows and columns of the patches a model cuts an image into, as far as its files tell.

    What an image is resized to may depend on the image, so None means nothing but "not known here".

    Args:
        folder: The model's folder.
    """
    config = _read(folder / "config.json")
    if config is None:
        return None
    config = _inner(_inner(config, "encoder"), "vision_config")
    processor = _read(folder / "preprocessor_config.json")
    if processor is None:  # a model that reads too may have one for both
        processor = _inner(_read(folder / "processor_config.json") or {}, "image_processor")
    # A model may be shown larger or smaller images than those it was made for.
    shown = processor.get("crop_size" if processor.get("do_center_crop") else "size")
    image = _sides(shown) or _sides(config.get("image_size"))
    patch = _sides(config.get("patch_size"))
    return (image[0] // patch[0], image[1] // patch[1]) if image and patch else None


def rules_out_cross(folder: Path) -> bool:
    """Whether `config.json` says that a model has no cross-attention; False where it is silent."""
    config = _read(folder / "config.json")
    return config is not None and not (
        config.get("is_encoder_decoder")
        or config.get("add_cross_attention")
        or isinstance(config.get("decoder"), dict)
        # What reads beside an eye may look at the image so, by more than one name.
        or any(
            value and name.startswith("cross")
            for name, value in _inner(config, "text_config").items()
        )
    )


def _has_image_in_text(config: Mapping[str, Any]) -> bool:
    return any(name in config for name in ("image_token_id", "image_token_index"))


def rules_out_vision(folder: Path) -> bool:
    """Whether `config.json` says that a model does not see beside reading; False where silent."""
    config = _read(folder / "config.json")
    return config is not None and not any(
        isinstance(config.get(name), dict) for name in ("vision_config", "image_config")
    )


def _read(file: Path) -> Mapping[str, Any] | None:
    """The object in a JSON file; None when there is none, or it cannot be read."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _folder(source: str, base: Path) -> Path | None:
    try:
        folder = (base / Path(source).expanduser()).resolve()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # too long for a path, or nobody's home: no folder
        return None


def _inner(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The configuration nested under `name`, where a family nests it."""
    inner = config.get(name)
    return inner if isinstance(inner, dict) else config


def _number(config: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    """The value of the first of `names`, when it is one number for all layers."""
    found = next((config[name] for name in names if name in config), None)
    return found if type(found) is int else None


def _sides(size: Any) -> tuple[int, int] | None:
    """Height and width, from any of the three ways to write them; None when it is none of them."""
    match size:
        case int(side) if side > 0:
            return side, side
        case {"height": int(height), "width": int(width)} | [int(height), int(width)] if (
            height > 0 and width > 0
        ):
            return height, width
    return None


def _counted(n: int, noun: str, letter: str) -> str:
    return f"1 {noun} ({letter}0)" if n == 1 else f"{n} {noun}s ({letter}0-{letter}{n - 1})"
