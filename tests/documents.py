"""Documents on their way to a page: those of views, some that no view writes, and a slow reader."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from attention_gallery import views
from attention_gallery.packing import Packed
from attention_gallery.terms import Attention, Exhibit, Head
from attentions import FOX, HOSTILE, attention, capture, exhibit, measured_maps

Document = dict[str, Any]
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def _of(shown: Exhibit, own: Attention, *others: Attention) -> tuple[Document, Packed]:
    """The documents of an exhibit's views."""
    packed = views.pack(shown, capture(own), [capture(other) for other in others])
    figures = views.figures(shown, packed)
    return {figure.view: figure.spec for figure in figures}, packed


def _of_words() -> Attention:
    """Two words of two tokens each: the maps of words are smaller ones."""
    made = attention()
    of = (0, 1, 1, 2, 3, 4, 5, 6, 7, 7)
    tokens = tuple(replace(t, word=word) for t, word in zip(made.queries, of, strict=True))
    return replace(made, queries=tokens, keys=tokens)


def _any_digits() -> tuple[Document, Packed]:
    """Lists that look like maps and are none, and some that nearly look like them."""
    _, packed = _of(exhibit(), attention(n_heads=(2, 3)))
    n = len(packed.slots)
    rng = np.random.default_rng(0)
    random = ["".join(rng.choice([*_DIGITS], 110)) for _ in range(n)]
    return {
        "random": random,
        "within": [{"twice": [random, random]}, [random[::-1]]],
        "of another length": [text[:34] for text in random],
        "smallest": ["00" * 21] * n,
        "largest": ["zz" * 21] * n,
        "only pooled are large": [("00" if s.single else "zz") * 21 for s in packed.slots],
        "only heads are large": [("zz" if s.single else "00") * 21 for s in packed.slots],
        "too many": [*random, random[0]],
        "odd": [text[1:] for text in random],
        "unequal": [random[0][:20], *random[1:]],
        "no digits": [text.upper() for text in random],
        "no text": [[text] for text in random],
        "empty": [""] * n,
        "null": None,
    }, packed


def _of_derived(**chosen: Any) -> tuple[Document, Packed]:
    """Views that show weights alone beside views that also show what is derived from them."""
    names = ("edges", "grid", "heatmap")
    shown = replace(exhibit(views=names, **chosen), measures=("norms", "rollout"))
    own = attention(n_heads=(2, 3))
    packed = views.pack(shown, capture(own), (), measured_maps(own))
    return {figure.view: figure.spec for figure in views.figures(shown, packed)}, packed


CASES: Mapping[str, Callable[[], tuple[Document, Packed]]] = {
    "causal": lambda: _of(exhibit(), attention()),
    "full": lambda: _of(exhibit(), attention(HOSTILE, kind="encoder")),
    "cross": lambda: _of(exhibit(), attention(kind="cross", keys=("le", "chat"))),
    "one layer": lambda: _of(exhibit(), attention(n_heads=(3,))),
    "layers of unlike size": lambda: _of(exhibit(), attention(n_heads=(1, 5, 2))),
    "listed heads": lambda: _of(exhibit(heads=(Head(2, 1), Head(0, 3))), attention()),
    "one head": lambda: _of(exhibit(heads=(Head(1, 1),)), attention()),
    "one token": lambda: _of(exhibit(), attention(FOX[:1])),
    "words": lambda: _of(exhibit(), _of_words()),
    "against others": lambda: _of(
        exhibit(views=("edges", "heatmap", "compare"), against=("twin", "other")),
        *(attention(seed=seed) for seed in range(3)),
    ),
    "derived": _of_derived,
    "derived of listed heads": lambda: _of_derived(heads=(Head(1, 1), Head(0, 0))),
    "any digits": _any_digits,
}


def opened(parts: list[str]) -> tuple[Document, list[bytes]]:
    """What was written beside the queues, and the queues."""
    text, *queues = [zlib.decompress(base64.b64decode(part)) for part in parts]
    return json.loads(text), queues


def received(parts: list[str]) -> Document:
    """The document that was sent, put together cell by cell."""
    told, queues = opened(parts)
    streams = [iter(queue) for queue in queues]

    def take(queue: int) -> int:
        level = next(streams[queue])
        return level if level <= 250 else 251 + (level - 251) * 256 + next(streams[-1])

    for each in told["taken"]:
        maps: dict[int, list[int]] = {}
        for index, (_, pool, _) in enumerate(told["slots"]):
            if pool is None:
                grid: list[list[int]] = []
                before = 0
                for row in each["rows"]:
                    grid.append([])
                    for key in range(row):
                        up = grid[-2][key] if len(grid) > 1 and key < len(grid[-2]) else 0
                        before = take((before + up).bit_length())
                        grid[-1].append(before)
                maps[index] = [level for row in grid for level in row]
        heads = dict(maps)
        for index, (layer, pool, derived) in enumerate(told["slots"]):
            if pool is not None:
                alike = [i for i in heads if told["slots"][i][2] == derived]
                of = [heads[i] for i in alike if layer is None or told["slots"][i][0] == layer]
                maps[index] = [
                    (_pooled(pool, levels) + take(13) - 1) % 1296
                    for levels in zip(*of, strict=True)
                ]
        place: Any = told["document"]
        for key in each["path"][:-1]:
            place = place[key]
        assert place[each["path"][-1]] is None
        place[each["path"][-1]] = [
            "".join(np.base_repr(level, 36).lower().zfill(2) for level in maps[index])
            for index in range(len(maps))
        ]
    assert all(next(stream, None) is None for stream in streams)
    document: Document = told["document"]
    return document


def _pooled(pool: str, levels: tuple[int, ...]) -> int:
    """The largest level, or the mean rounded as children are taught to."""
    return max(levels) if pool == "max" else int(sum(levels) / len(levels) + 0.5)
