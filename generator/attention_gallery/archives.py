"""The numbers of an exhibit as NumPy archives, for those who go on with them."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

from attention_gallery import codes
from attention_gallery.addresses import file_path
from attention_gallery.packing import Packed
from attention_gallery.terms import Asset, Attention, Exhibit

WEIGHTS, MEASURES = "weights.npz", "measures.npz"
"""What the files are called."""


def files(exhibit: Exhibit, packed: Packed) -> list[Asset]:
    """The archives of an exhibit: of its weights, and of what was measured, as far as there are."""
    found = []
    if packed.attention.layers:
        found.append(Asset(file_path(exhibit, WEIGHTS), weights(packed)))
    if packed.measured:
        found.append(Asset(file_path(exhibit, MEASURES), measures(packed)))
    return found


def weights(packed: Packed) -> bytes:
    """A NumPy archive: `queries`, `keys`, and float32 `layer_0`, ... ``[head, query, key]``.

    Where not all heads travel, neither do they here: of a long text they would be hundreds of
    megabytes. Each of those that do is an array of its own, such as `L0H2`, ``[query, key]``.

    What the exhibit is held against stands in it too, as ``against_0_layer_0`` and so on, with its
    names in `against`.
    """
    arrays = _arrays(packed.attention, packed)
    if packed.others:
        arrays["against"] = np.array([other.name for other in packed.others])
    for number, other in enumerate(packed.others):
        arrays |= _arrays(other.attention, packed, f"against_{number}_")
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def measures(packed: Packed) -> bytes:
    """A NumPy archive of all that was measured, each array under the name of its measure.

    Maps are decoded; facts are a text in JSON, ``<measure>/facts``. Where not all heads travel,
    neither do their maps, as in `weights`: those that do end in ``/H2``.
    """
    arrays: dict[str, Any] = {}
    heads = [slot.single for slot in packed.own.slots if slot.single]
    for name, measured in packed.measured.items():
        arrays[f"{name}/facts"] = np.array(json.dumps(measured.facts, ensure_ascii=False))
        for key, array in measured.arrays.items():
            if not key.startswith("map/"):
                arrays[f"{name}/{key}"] = array
                continue
            layer = codes.decode(array)
            if packed.every_head or len(layer) == 1:
                arrays[f"{name}/{key}"] = layer
                continue
            number = int(key.rpartition("/")[2])
            for head in heads:
                if head.layer == number and key.split("/")[2] == packed.attention.kind:
                    arrays[f"{name}/{key}/H{head.head}"] = layer[head.head]
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def read_weights(packed: Packed) -> str:
    """Three lines of Python that read the archive of weights beside them."""
    heads = [slot.single for slot in packed.own.slots if slot.single]
    shown = packed.slots[packed.start].single
    head = shown if shown in heads else next(iter(heads), None)
    if head is None:
        what = 'print(weights["layer_0"].shape)  # heads, queries, keys'
    elif packed.every_head:
        what = f'print(weights["layer_{head.layer}"][{head.head}])  # {head}: a row for each query'
    else:
        what = f'print(weights["L{head.layer}H{head.head}"])  # a row for each query'
    return f'import numpy as np\nweights = np.load("{WEIGHTS}")\n{what}\n'


def read_measures(packed: Packed) -> str:
    """Three lines of Python that read the archive of measures beside them."""
    name = next(iter(packed.measured))
    return (
        f'import json, numpy as np\nmeasures = np.load("{MEASURES}")\n'
        f'print(measures.files, json.loads(str(measures["{name}/facts"])))\n'
    )


def _arrays(attention: Attention, packed: Packed, prefix: str = "") -> dict[str, Any]:
    arrays = {
        f"{prefix}queries": np.array([token.text for token in attention.queries]),
        f"{prefix}keys": np.array([token.text for token in attention.keys]),
    }
    if packed.every_head:
        layers = enumerate(attention.layers)
        return arrays | {f"{prefix}layer_{number}": layer for number, layer in layers}
    heads = (slot.single for slot in packed.own.slots)
    return arrays | {
        f"{prefix}L{head.layer}H{head.head}": attention.layers[head.layer][head.head]
        for head in heads
        if head
    }
