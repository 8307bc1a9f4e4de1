"""What a model sees: an image file as pixels, and pixels as a picture of patches.

A model is shown an image as its own processor makes it: resized, cropped, and scaled to numbers
around zero. A page has to show that very picture, for a patch is a part of it and not of the file.
"""

from __future__ import annotations

import io
import math
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from attention_gallery.capture.files import read_unchanged
from attention_gallery.capture.libraries import explained
from attention_gallery.errors import CaptureError, InputError, quoted
from attention_gallery.terms import IMAGE_FORMATS, Token

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import BaseImageProcessor

# What stands before the patches, besides registers: a summary of the image, and in a distilled
# model a second one, taught by another model.
_SUMMARIES = ("[CLS]", "[DIST]")


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """An image as a model sees it.

    Attributes:
        pixels: What the model is fed, float32 ``[1, channel, row, column]``.
        picture: The same for people, a PNG of as many rows and columns.
    """

    pixels: Tensor
    picture: bytes


def look(processor: BaseImageProcessor, path: Path, digest: str = "") -> Sight:
    """Prepare an image the way its model wants it.

    Args:
        processor: The model's own.
        path: An image file.
        digest: SHA-256 of the bytes it must have, in hex digits; empty when any will do.

    Raises:
        InputError: When the file cannot be read, or holds something else than it did.
        CaptureError: When the processor makes something else of it than one picture.
    """
    made = processor(images=read_image(path, digest), return_tensors="pt")
    return sight_of(processor, made["pixel_values"])


def sight_of(processor: BaseImageProcessor, pixels: Tensor) -> Sight:
    """What a processor made of an image.

    Args:
        processor: What made it.
        pixels: ``[..., channel, row, column]``. Some count images, and the tiles each is cut into;
            here all but the last three axes have to be of length 1.

    Raises:
        CaptureError: When it is not one picture.
    """
    if pixels.ndim < 4 or set(pixels.shape[:-3]) != {1} or pixels.shape[-3] != 3:
        raise CaptureError(
            f"{type(processor).__name__} makes pixels of shape {list(pixels.shape)} of an image, "
            "where [1, 3, row, column] is needed",
            hint="models that cut an image into tiles, or see a film, cannot be shown",
        )
    pixels = pixels.float().reshape(1, *pixels.shape[-3:])
    return Sight(pixels, _png(_undone(processor, pixels[0].numpy())))


def read_image(path: Path, digest: str = "") -> Image.Image:
    """Open an image file as a viewer shows it: upright, the first frame, red, green and blue.

    What is transparent gets the colour that lies beneath, as the libraries of models have it.

    Args:
        path: The file.
        digest: SHA-256 of the bytes it must have, in hex digits; empty when any will do.

    Raises:
        InputError: When it cannot be read, or holds something else than it did.
    """
    name = f"the image {quoted(path.name)}"
    with explained(InputError, f"{name} cannot be read", None):
        content = read_unchanged(path, name, digest)
        # No more formats than a manifest takes: Pillow opens dozens, some by running programs.
        try:
            file = Image.open(io.BytesIO(content), formats=IMAGE_FORMATS)
        except UnidentifiedImageError:
            raise ValueError(f"it is none of {', '.join(IMAGE_FORMATS)}") from None
        image = ImageOps.exif_transpose(file)
        if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip to 8
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        if "transparency" in image.info:  # of a palette
            image = image.convert("RGBA")
        return image.convert("RGB")


def patch_tokens(config: Any, n_tokens: Set[int], height: int, width: int) -> tuple[Token, ...]:
    """Name the tokens of a sequence that an image was cut into.

    Args:
        config: The configuration of the stack that saw the image.
        n_tokens: All the numbers of keys its layers attend to.
        height: Pixel rows of what it saw.
        width: Pixel columns.

    Returns:
        What stands before the patches, then the patches, row by row from the top left.

    Raises:
        CaptureError: When not every layer attends to every patch of one grid.
    """
    size = getattr(config, "patch_size", None)
    sides = (size, size) if isinstance(size, int) else tuple(size or ())
    if len(sides) != 2:
        raise _no_grid("its configuration states no size of patch")
    rows, columns = height // sides[0], width // sides[1]
    registers = [f"[REG {i}]" for i in range(getattr(config, "num_register_tokens", 0))]
    n_summaries = min(n_tokens) - len(registers) - rows * columns
    if len(n_tokens) > 1 or not 0 <= n_summaries <= len(_SUMMARIES):
        counts = " and ".join(str(n) for n in sorted(n_tokens))
        raise _no_grid(
            f"its layers attend to {counts} tokens, where the image has {rows} x {columns} patches"
        )
    before = [*_SUMMARIES[:n_summaries], *registers]
    return (*(Token(name, special=True) for name in before), *_grid(rows, columns))


def tokens_in_text(
    n_tokens: int, patches: tuple[Token, ...], *, in_place: bool
) -> tuple[Token, ...]:
    """Name the tokens that stand for an image in a text.

    There may be one for each token of what saw the image, one for each of its patches, or one for
    each square of patches that were merged.

    Args:
        n_tokens: How many there are.
        patches: The tokens of what saw the image, as `patch_tokens` names them; empty when they
            could not be told.
        in_place: Whether each is made from the patches at its place, and not from all of them.
    """
    grid = patches[-1].patch if patches and in_place else None
    if grid:
        if n_tokens == len(patches):
            return patches
        rows, columns = grid[0] + 1, grid[1] + 1
        for side in range(1, min(rows, columns) + 1):
            if rows * columns == n_tokens * side**2 and rows % side == columns % side == 0:
                return _grid(rows // side, columns // side)
    return tuple(Token(f"image {i}", special=True) for i in range(n_tokens))


def _grid(rows: int, columns: int) -> tuple[Token, ...]:
    return tuple(
        Token(f"r{row}c{column}", patch=(row, column))
        for row in range(rows)
        for column in range(columns)
    )


def _no_grid(reason: str) -> CaptureError:
    return CaptureError(
        f"which token is which patch of the image cannot be told: {reason}",
        hint="models whose layers attend to all patches at once can be shown, such as ViT and "
        "DINOv2; those that do so in windows or at several scales cannot",
    )


def _undone(processor: Any, pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture that a processor scaled and normalised.

    Args:
        processor: What did so.
        pixels: float32 ``[channel, row, column]``.

    Returns:
        uint8 ``[row, column, channel]``, each within rounding of what the model was fed.

    Raises:
        CaptureError: When the processor did something else besides.
    """
    values = pixels.astype(np.float64)
    if getattr(processor, "do_normalize", False):
        mean, std = (
            np.reshape(getattr(processor, name), (-1, 1, 1)) for name in ("image_mean", "image_std")
        )
        values = values * std + mean
    if getattr(processor, "do_rescale", False):
        values = values / processor.rescale_factor
    levels = np.rint(values)
    if not (math.isfinite(levels.sum()) and levels.min() >= 0 and levels.max() <= 255):
        raise CaptureError(
            f"the picture that {type(processor).__name__} makes cannot be shown: undoing its "
            "scaling and normalisation gives colours that do not exist"
        )
    return levels.astype(np.uint8).transpose(1, 2, 0)


def _png(picture: NDArray[np.uint8]) -> bytes:
    """A PNG of a picture ``[row, column, channel]``: the same one always gives the same bytes."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "PNG", optimize=True)
    return file.getvalue()
