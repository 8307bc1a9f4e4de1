"""From a model in the manifest to a model in memory, and every way that can fail.

A hub model is first made a folder. From there on all models are loaded the same way, from files on
this machine only.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attention_gallery import __version__
from attention_gallery.capture.libraries import explained, quiet
from attention_gallery.capture.model import devices
from attention_gallery.capture.model.checkpoint import Checkpoint, check_checkpoint
from attention_gallery.capture.model.hub import snapshot
from attention_gallery.capture.model.network import Head, load_network, readable
from attention_gallery.capture.seam.sites import connectors
from attention_gallery.capture.seam.towers import hears, image_id, sees_and_reads
from attention_gallery.digests import digest_folder
from attention_gallery.errors import ModelError, printable
from attention_gallery.progress import Announce, unheard
from attention_gallery.terms import Model, Provenance

if TYPE_CHECKING:
    from transformers import (
        BaseImageProcessor,
        FeatureExtractionMixin,
        PreTrainedModel,
        PreTrainedTokenizerBase,
        ProcessorMixin,
    )

_PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model that can be run.

    Attributes:
        network: In evaluation mode, in the data type the manifest names, attention computed the
            plain ("eager") way.
        tokenizer: What cuts its text; None where it neither reads nor writes any.
        image_processor: What prepares its images; None where it is fed text.
        device: Where its inputs have to be, such as ``cuda:0``.
        provenance: What this run is made with.
        processor: What puts an image into a text, where a model wants it there.
        blind: Why a model that sees and reads cannot be shown images; it can read all the same.
        feature_extractor: What prepares its sounds; None where it hears none.
    """

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase | None
    image_processor: BaseImageProcessor | None
    device: str
    provenance: Provenance
    processor: ProcessorMixin | None = None
    blind: ModelError | None = None
    feature_extractor: FeatureExtractionMixin | None = None


def load(model: Model, announce: Announce = unheard, *, head: Head | None = None) -> LoadedModel:
    """Load a model with what it needs to read, to see and to hear.

    Args:
        model: The model.
        announce: Told how far a download is, in a few words.
        head: Which part that answers is loaded with it, where it has one.

    Raises:
        ModelError: When the model cannot be had, is not complete, or is too large.
    """
    with quiet():
        device = devices.chosen(model.device, model.where)
        folder = snapshot(model, announce) if model.kind == "hub" else Path(model.location)
        checkpoint = _check_files(model, folder)
        network = load_network(model, folder, checkpoint, device, head=head)
        both = sees_and_reads(network)
        sees = network.main_input_name == "pixel_values" and not both
        image_processor = _image_processor(model, folder) if sees else None
        feature_extractor = _feature_extractor(model, folder) if hears(network) else None
        is_pair = network.config.is_encoder_decoder
        reads = not (sees or feature_extractor)
        tokenizer = _tokenizer(model, folder) if is_pair or reads else None
        processor = blind = None
        if both:
            try:
                image_processor = _image_processor(model, folder)
                if image_id(network) is not None:
                    processor = _processor(model, folder)
                    tokenizer, image_processor = processor.tokenizer, processor.image_processor
            except ModelError as fault:
                blind = fault
    commit = (
        folder.name
        if model.kind == "hub"
        else digest_folder(folder, own_code=model.trust_remote_code)
    )
    return LoadedModel(
        network,
        tokenizer,
        image_processor,
        devices.entrance(network),
        provenance(model.source, commit, network, tokenizer, image_processor, feature_extractor),
        processor,
        blind,
        feature_extractor,
    )


def provenance(
    source: str,
    commit: str,
    network: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase | None,
    image_processor: BaseImageProcessor | None = None,
    feature_extractor: FeatureExtractionMixin | None = None,
) -> Provenance:
    """What numbers are made with that come from this model, today, on this machine."""
    libraries = ["torch", "transformers"]
    libraries += ["pillow"] * (image_processor is not None)
    libraries += ["tokenizers"] * (tokenizer is not None)
    cutters = [
        type(cutter).__name__
        for cutter in (image_processor, feature_extractor, tokenizer)
        if cutter is not None
    ]
    return Provenance(
        source=source,
        commit=commit,
        architecture=_described(network),
        tokenizer=", ".join(cutters),
        dtype=str(network.dtype).removeprefix("torch."),
        device=devices.described(network),
        versions={
            "attention-gallery": __version__,
            **{name: importlib.metadata.version(name) for name in libraries},
        },
        date=datetime.date.today().isoformat(),
    )


def _described(network: PreTrainedModel) -> str:
    """The class of a model, and what of its attention is left out: see `connectors`."""
    names = " and ".join(connectors(network))
    return type(network).__name__ + (f", without the attention of its {names}" if names else "")


def _check_files(model: Model, folder: Path) -> Checkpoint:
    """See that a folder holds a model that can and may be loaded.

    Returns:
        Its weights.

    Raises:
        ModelError: When it does not.
    """
    import transformers

    if not (folder / "config.json").is_file():
        missing = "config.json in" if folder.is_dir() else "folder"
        raise ModelError(f"there is no {missing} {folder}", model.where)
    with explained(ModelError, f"{model.source} has no readable config.json", model.where):
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        model_type, own_code = config.get("model_type"), "auto_map" in config
    checkpoint = check_checkpoint(model, folder)
    if model_type not in transformers.CONFIG_MAPPING and not (own_code and model.trust_remote_code):
        raise ModelError(
            f"{model.source}: transformers {transformers.__version__} knows no model type "
            f'"{printable(str(model_type))}"',
            model.where,
            "it brings its own code: write trust_remote_code: true if you trust it"
            if own_code
            else "a newer transformers may: pip install --upgrade transformers",
        )
    return checkpoint


def _tokenizer(model: Model, folder: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer.

    Raises:
        ModelError: When it cannot be loaded.
    """
    from transformers import AutoTokenizer

    with readable(model, f"the tokenizer of {model.source}"):
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=model.trust_remote_code
        )
        words = tokenizer.get_vocab().keys() - tokenizer.all_special_tokens
    if not words:
        # Where its files are missing, the library quietly makes one that knows no word.
        raise ModelError(
            f"{model.source} has no tokenizer", model.where, "the folder needs a tokenizer.json"
        )
    return tokenizer


def _image_processor(model: Model, folder: Path) -> BaseImageProcessor:
    """Load what prepares images.

    Raises:
        ModelError: When it cannot be loaded, or needs a library that is not installed.
    """
    from transformers import AutoImageProcessor

    if not any((folder / name).is_file() for name in _PROCESSOR_FILES):
        raise ModelError(
            f"{model.source} has no image processor",
            model.where,
            f"the folder needs a {_PROCESSOR_FILES[0]}",
        )
    # The other way, torchvision, resizes a little differently, and what is captured may not depend
    # on what else is installed. A few models know that way only.
    name = f"the image processor of {model.source}"
    processor: BaseImageProcessor = _load(AutoImageProcessor, model, folder, name, backend="pil")
    return processor


def _feature_extractor(model: Model, folder: Path) -> FeatureExtractionMixin:
    """Load what prepares sounds.

    Raises:
        ModelError: When it cannot be loaded, or prepares something else.
    """
    from transformers import AutoFeatureExtractor

    if not any((folder / name).is_file() for name in _PROCESSOR_FILES):
        raise ModelError(
            f"{model.source} has no feature extractor, which turns a sound into what it is fed",
            model.where,
            f"the folder needs a {_PROCESSOR_FILES[0]}",
        )
    name = f"the feature extractor of {model.source}"
    extractor: FeatureExtractionMixin = _load(AutoFeatureExtractor, model, folder, name)
    if not isinstance(getattr(extractor, "sampling_rate", None), int):
        raise ModelError(f"{name} states no sampling rate, so it is not for sounds", model.where)
    return extractor


def _processor(model: Model, folder: Path) -> ProcessorMixin:
    """Load what puts an image into a text.

    Raises:
        ModelError: When it cannot be loaded, or needs a library that is not installed.
    """
    from transformers import AutoProcessor, ProcessorMixin

    name = f"the processor of {model.source}"
    processor = _load(AutoProcessor, model, folder, name, backend="pil")
    if not isinstance(processor, ProcessorMixin):
        raise ModelError(
            f"{model.source} has no processor",
            model.where,
            f"the folder needs a {_PROCESSOR_FILES[1]}, which says how an image stands in a text",
        )
    return processor


def _load(auto: Any, model: Model, folder: Path, name: str, **options: Any) -> Any:
    """Load something that prepares images or sounds.

    Raises:
        ModelError: When it cannot be loaded, or needs a library that is not installed.
    """
    from transformers.utils import is_torchvision_available

    with readable(model, name):
        try:
            return auto.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=model.trust_remote_code,
                **options,
            )
        except (ImportError, ValueError) as error:
            if "Video processor" in str(error):
                raise ModelError(
                    f"{name} cannot be loaded without one for films",
                    model.where,
                    "such a model can be shown what it does with a text: leave the image out",
                ) from error
            if "torchvision" in str(error).lower() and not is_torchvision_available():
                raise ModelError(
                    f"{name} needs torchvision, which is not installed",
                    model.where,
                    "pip install torchvision",
                ) from error
            raise
