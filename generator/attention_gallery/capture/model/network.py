"""The part of a model that computes: from its weights on disk to a network on a device."""

from __future__ import annotations

import pickle
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attention_gallery.capture.libraries import explained
from attention_gallery.capture.model import devices
from attention_gallery.capture.model.checkpoint import Checkpoint, weights_bytes
from attention_gallery.errors import ModelError, as_bytes
from attention_gallery.terms import Model

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedConfig, PreTrainedModel

Head = Literal["writer", "any"]
"""Which part of a model is wanted that answers: one that writes, or what it was trained with."""

# What models are fed first: text, images, and sounds in two forms.
_FED = ("input_ids", "pixel_values", "input_values", "input_features")

# Parts that checkpoints may leave out, because nothing they do reaches the attention.
_OPTIONAL_PARTS = ("pooler", "lm_head", "final_logits_bias")


def load_network(
    model: Model, folder: Path, checkpoint: Checkpoint, device: str, *, head: Head | None = None
) -> PreTrainedModel:
    """Load the weights.

    Args:
        model: The model.
        folder: Where it lies.
        checkpoint: Its files of weights.
        device: What it runs on.
        head: Which part that answers is loaded with it, where it has one.

    Raises:
        ModelError: When they cannot be loaded, are not all there, or take more memory than is left.
    """
    import torch
    from transformers import AutoConfig

    common: dict[str, Any] = {
        "local_files_only": True,
        "trust_remote_code": model.trust_remote_code,
    }
    dtype = getattr(torch, model.dtype)
    _check_room(model, checkpoint, dtype.itemsize, device)
    with ExitStack() as kept, readable(model, model.source):
        config = AutoConfig.from_pretrained(folder, **common)
        options: dict[str, Any] = {
            "config": config,
            "attn_implementation": "eager",  # the others never hold the weights
            "dtype": dtype,  # never the checkpoint's own, which may be off by 0.02
            "use_safetensors": not checkpoint.is_pickled,
            "weights_only": True,  # of a pickle, nothing but tensors
            "output_loading_info": True,
            "ignore_mismatched_sizes": True,  # listed below like those that are missing
            **_placement(model, device, kept),
            **common,
        }
        answering = _class_with_head(config, head) if head else None
        network, found = (answering or _auto_class(config)).from_pretrained(folder, **options)
        if answering and head == "any" and _lacks_head(network, found):
            # A model is often published without the head it was trained with, and says otherwise.
            # The library would fill it with noise.
            network, found = _auto_class(config).from_pretrained(folder, **options)
        weakref.finalize(network, kept.pop_all().close)
    if network.main_input_name not in _FED:
        raise ModelError(
            f"{model.source} is fed {network.main_input_name}, which is neither text nor images "
            "nor sounds",
            model.where,
        )
    wrong = _not_loaded(found)
    # A model of two stacks is loaded with its head in any case.
    answers = head == "writer" or (head == "any" and network.config.is_encoder_decoder)
    _check_parameters(model, network, wrong, writes=answers)
    classifies = head == "any" and not network.can_generate()
    if classifies and getattr(network.config, "pad_token_id", 0) is None:
        # A classifier that knows no padding refuses more than one text at once. None is padded
        # here, and no token has this number.
        network.config.pad_token_id = -1
    if device != devices.SPLIT:
        with readable(model, model.source):
            network.to(device)
    return network.eval()


def _auto_class(config: PreTrainedConfig) -> Any:
    """What of a model is loaded: as little of it as attention needs.

    Attention lives in the body of a model; only an encoder-decoder needs its head, to shift a
    target right and to write one where the author gave none. A model that brings its own code may
    know itself with a head only.
    """
    import transformers

    own: Mapping[str, Any] = getattr(config, "auto_map", None) or {}
    if config.is_encoder_decoder:
        reads = (
            type(config) in transformers.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING
            or "AutoModelForSeq2SeqLM" in own
        )
        if reads:
            return transformers.AutoModelForSeq2SeqLM
        hears = (
            type(config) in transformers.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING
            or "AutoModelForSpeechSeq2Seq" in own
        )
        return (
            transformers.AutoModelForSpeechSeq2Seq
            if hears
            else transformers.AutoModelForImageTextToText
        )
    if type(config) not in transformers.MODEL_MAPPING and "AutoModel" not in own:
        whole = sorted(name for name in own if name.startswith("AutoModelFor"))
        return getattr(transformers, next(iter(whole), "AutoModel"))
    return transformers.AutoModel


def _class_with_head(config: PreTrainedConfig, head: Head) -> Any:
    """What of a model of one stack is loaded to see what it would answer.

    Returns:
        None for one that was not trained to. There is a class that writes for nearly all that read,
        BERT among them, so a class counts only where the configuration names it.
    """
    import transformers
    from transformers.models.auto import modeling_auto

    if config.is_encoder_decoder:  # is loaded with its head anyway
        return None
    own: Mapping[str, Any] = getattr(config, "auto_map", None) or {}
    classes = {
        "AutoModelForImageTextToText": modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
        "AutoModelForCausalLM": modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    }
    if head == "any":
        classes |= {
            "AutoModelForMaskedLM": modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
            "AutoModelForSequenceClassification": (
                modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
            ),
        }
    for auto, names in classes.items():
        trained = (own.get(auto, "").rpartition(".")[2], names.get(config.model_type))
        if any(name and name in (config.architectures or ()) for name in trained):
            return getattr(transformers, auto)
    for auto in classes:
        if auto in own:
            return getattr(transformers, auto)
    return None


def _not_loaded(found: Mapping[str, Any]) -> set[str]:
    """Names of the parameters that no file has, or has in another size."""
    return {*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])}


def _lacks_head(network: PreTrainedModel, found: Mapping[str, Any]) -> bool:
    """Whether parameters of a head are not in the files, be they all that are missing or not."""
    body = f"{network.base_model_prefix}."
    return any(not name.startswith(body) for name in _not_loaded(found))


def _check_parameters(
    model: Model, network: PreTrainedModel, wrong: Iterable[str], *, writes: bool = False
) -> None:
    """See that all parameters of a network are its own, and numbers.

    Args:
        model: The model.
        network: What was loaded.
        wrong: Names of its parameters that no file has, or has in another size.
        writes: Whether what it would write is asked.

    Raises:
        ModelError: When they are not.
    """
    wrong = set(wrong)
    if writes and any("lm_head" in name for name in wrong):
        raise ModelError(
            f"the weights of {model.source} have no language-model head, so it cannot be said what "
            "it would write",
            model.where,
            "leave generate out of its sentences and generation out of the views, or choose a "
            "model that was trained to write",
        )
    unfit = {name for name in wrong if not any(part in name for part in _OPTIONAL_PARTS)}
    if unfit:
        # The library fills these with noise, and says so in a log line.
        raise ModelError(
            f"the weights of {model.source} do not make a {type(network).__name__}: {len(unfit)} "
            f"of its parameters are missing or of another size, such as {min(unfit)}",
            model.where,
            "its config.json and its weights do not belong together",
        )
    if hollow := next((name for name, values in network.named_parameters() if _is_nan(values)), ""):
        raise ModelError(
            f"the weights of {model.source} are not all numbers: there are NaN in {hollow}",
            model.where,
            "its training has failed, or its file is damaged",
        )


def _is_nan(values: Tensor) -> bool:
    """Whether there are NaN among numbers; of those on disk nothing is said.

    The least of numbers is NaN where one of them is. To find it takes no memory, and a tenth of
    the time that asking each of them would.
    """
    if values.is_meta or not values.is_floating_point() or not values.numel():
        return False
    return bool(values.detach().min().isnan())


def _check_room(model: Model, checkpoint: Checkpoint, itemsize: int, device: str) -> None:
    """See that a model fits, before loading it takes all the memory that others need.

    Raises:
        ModelError: When its weights alone are more than a device has left.
    """
    needed = weights_bytes(model, checkpoint, itemsize)
    places = () if device == devices.SPLIT else dict.fromkeys((device, "cpu"))
    for place in places:  # what goes to a GPU is read into the computer's memory first
        free = devices.free_bytes(place)
        if free is not None and needed > free:
            why = f"its weights take {as_bytes(needed)}, and {place} has {as_bytes(free)} left"
            raise _too_large(model, why)


def _too_large(model: Model, why: str) -> ModelError:
    halve = "dtype: bfloat16 halves that, " if model.dtype == "float32" else ""
    return ModelError(
        f"{model.source} does not fit into memory in {model.dtype}: {why}",
        model.where,
        f"{halve}device: split spreads it over all there is; or choose a smaller model",
    )


def _placement(model: Model, device: str, kept: ExitStack) -> dict[str, Any]:
    """What ``from_pretrained`` is told about devices.

    Args:
        model: The model.
        device: Where it goes.
        kept: Has to stay open for as long as the network is used.

    Raises:
        ModelError: When a model is to be split, and what splits it is not installed.
    """
    from transformers.utils import is_accelerate_available

    if device != devices.SPLIT:
        return {}
    if not is_accelerate_available():
        raise ModelError(
            f"{model.source} cannot be split over devices without accelerate",
            model.where,
            'pip install "attention-gallery[large]"',
        )
    # Parts that neither a GPU nor the memory has room for, and that no file holds as they are run.
    folder = kept.enter_context(tempfile.TemporaryDirectory(prefix="attention-gallery-"))
    return {"device_map": "auto", "offload_folder": folder}


@contextmanager
def readable(model: Model, name: str) -> Iterator[None]:
    """Say in one line, with what would be right, why something of a model cannot be loaded.

    Raises:
        ModelError: When it cannot.
    """
    with explained(ModelError, f"{name} cannot be loaded", model.where):
        try:
            yield
        except Exception as error:
            if (needed := devices.needed_bytes(error)) is not None:
                why = (
                    f"there is no room for another {as_bytes(needed)}"
                    if needed
                    else "it is used up"
                )
                raise _too_large(model, why) from error
            if isinstance(error, pickle.UnpicklingError):
                raise ModelError(
                    f"the pickled weights of {name} hold more than weights, or are damaged",
                    model.where,
                    "they were not opened; convert them with save_pretrained where you trust them",
                ) from error
            if "trust_remote_code" in str(error):
                raise ModelError(
                    f"{name} brings its own code",
                    model.where,
                    "write trust_remote_code: true if you trust it",
                ) from error
            raise
