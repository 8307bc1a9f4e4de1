"""From a model in the manifest to a model in memory, and every way that can fail.

A hub model is first made a folder. From there on all models are loaded the same way, from files on
this machine only.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

from attention_gallery import __version__
from attention_gallery.capture.hub import has_weights, snapshot
from attention_gallery.errors import CaptureError, GalleryError, ModelError, Where, printable
from attention_gallery.plan import digest_folder
from attention_gallery.terms import Model, Provenance

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Parts that checkpoints may leave out, because nothing they do reaches the attention.
_OPTIONAL_PARTS = ("pooler", "lm_head", "final_logits_bias")


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model that can be run.

    Attributes:
        network: In evaluation mode, float32, attention computed the plain ("eager") way.
        tokenizer: Its tokenizer.
        provenance: What this run is made with.
    """

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    provenance: Provenance


def load(model: Model) -> LoadedModel:
    """Load a model and its tokenizer.

    Raises:
        ModelError: When the model cannot be had, or is not complete.
    """
    with quiet():
        folder = snapshot(model) if model.kind == "hub" else Path(model.location)
        _check_files(model, folder)
        network = _network(model, folder)
        tokenizer = _tokenizer(model, folder)
    provenance = Provenance(
        source=model.source,
        commit=folder.name if model.kind == "hub" else digest_folder(folder),
        architecture=type(network).__name__,
        tokenizer=type(tokenizer).__name__,
        dtype=str(network.dtype).removeprefix("torch."),
        device=str(network.device),
        versions={
            "attention-gallery": __version__,
            **{
                name: importlib.metadata.version(name)
                for name in ("torch", "transformers", "tokenizers")
            },
        },
        date=datetime.date.today().isoformat(),
    )
    return LoadedModel(network, tokenizer, provenance)


def require_libraries() -> None:
    """See that what runs models is installed.

    Raises:
        CaptureError: When it is not, or cannot be used.
    """
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise CaptureError(
            f"attention cannot be captured without {error.name or 'torch and transformers'}",
            hint='pip install "attention-gallery[compute]"',
        ) from error
    except Exception as error:  # two libraries that do not fit each other may raise anything
        raise CaptureError(
            f"attention cannot be captured: {printable(str(error) or type(error).__name__, 200)}",
            hint='pip install --upgrade "attention-gallery[compute]"',
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' progress bars, log lines and warnings off the terminal for a while."""
    import huggingface_hub.utils.logging as hub
    from transformers.utils import logging

    levels = logging.get_verbosity(), hub.get_verbosity()
    had_bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    hub.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()
    try:
        with catch_warnings():
            simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(levels[0])
        hub.set_verbosity(levels[1])
        if had_bars:
            logging.enable_progress_bar()


@contextmanager
def explained(
    error_type: type[GalleryError], message: str, where: Where | None, hint: str = ""
) -> Iterator[None]:
    """Say in one line what other people's code said in many.

    A model's code and files are not ours and may raise anything.
    """
    try:
        yield
    except GalleryError:
        raise
    except Exception as error:
        lines = str(error).split("\n")
        reason = next((line.strip() for line in lines if line.strip()), type(error).__name__)
        raise error_type(f"{message}: {printable(reason, 200)}", where, hint) from error


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
    from transformers import AutoConfig, AutoModel, AutoModelForSeq2SeqLM

    common: dict[str, Any] = {
        "local_files_only": True,
        "trust_remote_code": model.trust_remote_code,
    }
    with explained(ModelError, f"{model.source} cannot be loaded", model.where):
        config = AutoConfig.from_pretrained(folder, **common)
        # Attention lives in the body of a model; only an encoder-decoder needs its head, to shift
        # a target right and to write one where the author gave none.
        auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModel
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
    if network.main_input_name != "input_ids":
        raise ModelError(f"{model.source} reads {network.main_input_name}, not text", model.where)
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
