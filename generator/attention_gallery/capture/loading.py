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
from attention_gallery.capture.hub import has_weights, snapshot
from attention_gallery.capture.libraries import explained, quiet
from attention_gallery.errors import ModelError, printable
from attention_gallery.plan import digest_folder
from attention_gallery.terms import Model, Provenance

if TYPE_CHECKING:
    from transformers import BaseImageProcessor, PreTrainedModel, PreTrainedTokenizerBase

# Parts that checkpoints may leave out, because nothing they do reaches the attention.
_OPTIONAL_PARTS = ("pooler", "lm_head", "final_logits_bias")

_PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model that can be run.

    Attributes:
        network: In evaluation mode, float32, attention computed the plain ("eager") way.
        tokenizer: What cuts its text; None where it neither reads nor writes any.
        image_processor: What prepares its images; None where it is fed text.
        provenance: What this run is made with.
    """

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase | None
    image_processor: BaseImageProcessor | None
    provenance: Provenance


def load(model: Model) -> LoadedModel:
    """Load a model with what it needs to read and to see.

    Raises:
        ModelError: When the model cannot be had, or is not complete.
    """
    with quiet():
        folder = snapshot(model) if model.kind == "hub" else Path(model.location)
        _check_files(model, folder)
        network = _network(model, folder)
        sees = network.main_input_name == "pixel_values"
        image_processor = _image_processor(model, folder) if sees else None
        writes = network.config.is_encoder_decoder
        tokenizer = _tokenizer(model, folder) if writes or not sees else None
    libraries = ["torch", "transformers"]
    libraries += ["pillow"] * (image_processor is not None)
    libraries += ["tokenizers"] * (tokenizer is not None)
    cutters = [
        type(cutter).__name__ for cutter in (image_processor, tokenizer) if cutter is not None
    ]
    provenance = Provenance(
        source=model.source,
        commit=folder.name if model.kind == "hub" else digest_folder(folder),
        architecture=type(network).__name__,
        tokenizer=", ".join(cutters),
        dtype=str(network.dtype).removeprefix("torch."),
        device=str(network.device),
        versions={
            "attention-gallery": __version__,
            **{name: importlib.metadata.version(name) for name in libraries},
        },
        date=datetime.date.today().isoformat(),
    )
    return LoadedModel(network, tokenizer, image_processor, provenance)


def _check_files(model: Model, folder: Path) -> None:
    """See that a folder holds a model that can and may be loaded.

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
    if not has_weights(folder):
        pickled = [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")]
        raise ModelError(
            f"{model.source} has no weights in safetensors form"
            + (f", only pickled ones ({pickled[0].name})" if pickled else ""),
            model.where,
            "pickle files can run any code and are never opened; convert them with "
            "save_pretrained first"
            if pickled
            else "the folder needs a model.safetensors",
        )
    if model_type not in transformers.CONFIG_MAPPING and not (own_code and model.trust_remote_code):
        raise ModelError(
            f"{model.source}: transformers {transformers.__version__} knows no model type "
            f'"{printable(str(model_type))}"',
            model.where,
            "it brings its own code: write trust_remote_code: true if you trust it"
            if own_code
            else "a newer transformers may: pip install --upgrade transformers",
        )


def _network(model: Model, folder: Path) -> PreTrainedModel:
    """Load the weights.

    Raises:
        ModelError: When they cannot be loaded or are not all there.
    """
    import torch
    from transformers import (
        MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
        AutoConfig,
        AutoModel,
        AutoModelForImageTextToText,
        AutoModelForSeq2SeqLM,
    )

    common: dict[str, Any] = {
        "local_files_only": True,
        "trust_remote_code": model.trust_remote_code,
    }
    with explained(ModelError, f"{model.source} cannot be loaded", model.where):
        config = AutoConfig.from_pretrained(folder, **common)
        # Attention lives in the body of a model; only an encoder-decoder needs its head, to shift
        # a target right and to write one where the author gave none.
        auto = AutoModel
        if config.is_encoder_decoder:
            reads = type(config) in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING
            auto = AutoModelForSeq2SeqLM if reads else AutoModelForImageTextToText
        network, found = auto.from_pretrained(
            folder,
            config=config,
            attn_implementation="eager",  # the others never hold the weights
            dtype=torch.float32,  # the checkpoint's own may be off by 0.02
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # listed below like those that are missing
            **common,
        )
    if network.main_input_name not in ("input_ids", "pixel_values"):
        raise ModelError(
            f"{model.source} is fed {network.main_input_name}, neither text nor images", model.where
        )
    unfit = {*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])}
    unfit = {name for name in unfit if not any(part in name for part in _OPTIONAL_PARTS)}
    if unfit:
        # The library fills these with noise, and says so in a log line.
        raise ModelError(
            f"the weights of {model.source} do not make a {type(network).__name__}: {len(unfit)} "
            f"of its parameters are missing or of another size, such as {min(unfit)}",
            model.where,
            "its config.json and its safetensors do not belong together",
        )
    return network.eval()


def _tokenizer(model: Model, folder: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer.

    Raises:
        ModelError: When it cannot be loaded.
    """
    from transformers import AutoTokenizer

    with explained(ModelError, f"the tokenizer of {model.source} cannot be loaded", model.where):
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
    from transformers.utils import is_torchvision_available

    if not any((folder / name).is_file() for name in _PROCESSOR_FILES):
        raise ModelError(
            f"{model.source} has no image processor",
            model.where,
            f"the folder needs a {_PROCESSOR_FILES[0]}",
        )
    name = f"the image processor of {model.source}"
    with explained(ModelError, f"{name} cannot be loaded", model.where):
        try:
            return AutoImageProcessor.from_pretrained(
                folder,
                # The other way, torchvision, resizes a little differently, and what is captured
                # may not depend on what else is installed. A few models know that way only.
                backend="pil",
                local_files_only=True,
                trust_remote_code=model.trust_remote_code,
            )
        except ValueError as error:
            if "torchvision" in str(error) and not is_torchvision_available():
                raise ModelError(
                    f"{name} needs torchvision, which is not installed",
                    model.where,
                    "pip install torchvision",
                ) from error
            raise
