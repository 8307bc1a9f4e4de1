"""What is put into the store comes out of it the same, or not at all."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from attention_gallery.codes import Layers
from attention_gallery.errors import StoreError
from attention_gallery.store import Store
from attention_gallery.terms import (
    ATTENTION_KINDS,
    Attention,
    AttentionKind,
    Capture,
    Measured,
    Part,
    Provenance,
    Token,
)

KEY = "0123456789abcdef" * 4
WORDS = ["the", "", "</script><img src=x>", '"\\', "🙂", "عالم", "◌\u0301", "⟨U+200D⟩", "\u2028"]
PROVENANCE = Provenance(
    source="./model",
    commit="c" * 64,
    architecture="GPT2Model",
    tokenizer="GPT2Tokenizer",
    dtype="float32",
    device="cpu",
    versions={"torch": "2.13.0+cpu", "transformers": "5.23.0"},
    date="2026-01-31",
)


def tokens(rng: np.random.Generator, n: int) -> tuple[Token, ...]:
    return tuple(
        Token(str(rng.choice(WORDS)), bool(rng.integers(2)), int(rng.integers(200_000)))
        for _ in range(n)
    )


def patches(rows: int, columns: int) -> tuple[Token, ...]:
    return (
        Token("[CLS]", special=True),
        *(Token(f"r{r}c{c}", patch=(r, c)) for r in range(rows) for c in range(columns)),
    )


def seen_capture() -> Capture:
    """Of an image, which this module never looks into."""
    cut = patches(2, 3)
    layer = np.random.default_rng(0).random((2, len(cut), len(cut)), np.float32)
    attention = Attention("encoder", cut, cut, Layers.of([layer]), causal=False)
    return Capture(KEY, {"encoder": attention}, PROVENANCE, os.urandom(3000))


def random_capture(seed: int, key: str = KEY) -> Capture:
    """Any number of kinds, layers, heads and tokens; any code there is."""
    rng = np.random.default_rng(seed)

    def attention(kind: AttentionKind) -> Attention:
        n_queries, n_keys = rng.integers(1, 9, 2)
        layers = tuple(
            rng.integers(0, 2**16, (n_heads, n_queries, n_keys), np.uint16)
            for n_heads in rng.integers(1, 5, rng.integers(1, 4))
        )
        parts: dict[Part, tuple[NDArray[np.float32], ...]] = {}
        if rng.integers(2):
            # Any float32 there is.
            query = rng.integers(0, 2**32, (2, n_queries, 8), np.uint32).view(np.float32)
            parts["query"] = (query,) * len(layers)
        return Attention(
            kind,
            tokens(rng, n_queries),
            tokens(rng, n_keys),
            Layers(layers),
            bool(rng.integers(2)),
            parts,
            (0.25, None, 1.0)[: len(layers)] if parts else (),
            kv_heads=(1,) * len(layers) if rng.integers(2) else (),
            windows=(None, 4, 4)[: len(layers)] if rng.integers(2) else (),
        )

    kinds = [kind for kind in ATTENTION_KINDS if rng.integers(2)] or ["decoder"]
    return Capture(key, {kind: attention(kind) for kind in kinds}, PROVENANCE)


def assert_equal(one: Capture, other: Capture | None) -> None:
    assert other is not None
    assert (one.key, one.provenance, one.image) == (other.key, other.provenance, other.image)
    assert list(one.attentions) == list(other.attentions)
    for kind, attention in one.attentions.items():
        twin = other.attentions[kind]
        assert (twin.kind, twin.causal) == (kind, attention.causal)
        assert (twin.queries, twin.keys) == (attention.queries, attention.keys)
        for codes, twin_codes in zip(attention.layers.codes, twin.layers.codes, strict=True):
            assert twin_codes.dtype == np.uint16
            assert_same_bytes(codes, twin_codes)
        assert (twin.parts.keys(), twin.scales) == (attention.parts.keys(), attention.scales)
        assert (twin.kv_heads, twin.windows) == (attention.kv_heads, attention.windows)
        for part, arrays in attention.parts.items():
            for array, twin_array in zip(arrays, twin.parts[part], strict=True):
                assert_same_bytes(array, twin_array)  # also where it is NaN


def assert_same_bytes(one: NDArray[Any], other: NDArray[Any]) -> None:
    assert (one.dtype, one.shape) == (other.dtype, other.shape)
    assert one.tobytes() == other.tobytes()


def files(store: Store) -> list[str]:
    return [path.name for path in store.root.iterdir()]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def file(store: Store) -> Path:
    """The file of a stored capture."""
    store.put(random_capture(0))
    return store.root / f"{KEY}.npz"


@pytest.mark.parametrize("seed", range(30))
def test_a_capture_comes_back_bit_for_bit(store: Store, seed: int) -> None:
    capture = random_capture(seed)
    store.put(capture)
    assert KEY in store
    assert_equal(capture, store.get(KEY))


def test_an_image_and_its_patches_come_back(store: Store) -> None:
    capture = seen_capture()
    store.put(capture)
    assert_equal(capture, store.get(KEY))
    with np.load(store.root / f"{KEY}.npz", allow_pickle=False) as arrays:
        assert arrays["image.png"] == capture.image


def test_what_is_particular_to_a_token_comes_back_and_takes_no_room_in_others(store: Store) -> None:
    plain = Token("the", id=7)
    particular = Token("cat", id=8, span=(4, 7), word=1, segment=1)
    layer = np.full((1, 2, 2), 0.5, np.float32)
    both = (plain, particular)
    capture = Capture(
        KEY, {"encoder": Attention("encoder", both, both, Layers.of([layer]), False)}, PROVENANCE
    )
    store.put(capture)
    assert_equal(capture, store.get(KEY))
    with zipfile.ZipFile(store.root / f"{KEY}.npz") as archive:
        queries = json.loads(archive.read("capture.json"))["attentions"]["encoder"]["queries"]
    assert queries == [
        ["the", False, 7],
        ["cat", False, 8, {"span": [4, 7], "word": 1, "segment": 1}],
    ]


def test_an_array_in_any_memory_order_comes_back(store: Store) -> None:
    layer = np.arange(24, dtype=np.float32).reshape(4, 3, 2).transpose(2, 1, 0)
    (token,) = tokens(np.random.default_rng(), 1)
    codes = np.arange(24, dtype=np.uint16).reshape(4, 3, 2).transpose(2, 1, 0)
    attention = Attention(
        "cross", (token,) * 3, (token,) * 4, Layers([codes]), False, {"scores": (layer,)}, (None,)
    )
    store.put(Capture(KEY, {"cross": attention}, PROVENANCE))
    capture = store.get(KEY)
    assert capture is not None
    np.testing.assert_array_equal(capture.attentions["cross"].layers.codes[0], codes)
    np.testing.assert_array_equal(capture.attentions["cross"].parts["scores"][0], layer)


def test_what_was_never_stored_is_none(store: Store) -> None:
    assert store.get(KEY) is None
    assert KEY not in store


def test_the_same_capture_always_gives_the_same_bytes(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    store.put(random_capture(0))
    assert file.read_bytes() == before


def test_putting_again_replaces(store: Store, file: Path) -> None:
    store.put(random_capture(1))
    assert_equal(random_capture(1), store.get(KEY))
    assert files(store) == [file.name]


def test_numpy_opens_a_file_without_pickle(file: Path) -> None:
    capture = random_capture(0)
    with np.load(file, allow_pickle=False) as arrays:
        for kind, attention in capture.attentions.items():
            for number, codes in enumerate(attention.layers.codes):
                assert_same_bytes(arrays[f"{kind}/{number}"], codes)
        assert json.loads(arrays["capture.json"])["key"] == KEY


def test_zeros_above_a_diagonal_take_no_room(store: Store) -> None:
    full = np.random.default_rng(0).random((12, 64, 64), np.float32)
    (token,) = tokens(np.random.default_rng(0), 1)

    def size(layer: NDArray[np.float32]) -> int:
        layers = Layers.of([layer])
        attention = Attention("decoder", (token,) * 64, (token,) * 64, layers, causal=True)
        store.put(Capture(KEY, {"decoder": attention}, PROVENANCE))
        return (store.root / f"{KEY}.npz").stat().st_size

    assert size(np.tril(full)) < 0.6 * size(full)


# --- Damage ---------------------------------------------------------------------------------------


def assert_damaged(store: Store, file: Path, reason: str = "") -> None:
    with pytest.raises(StoreError) as caught:
        store.get(KEY)
    assert str(caught.value).startswith(f"{file} is damaged: {reason}")
    assert caught.value.hint == "delete it to have it captured again"


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_found_out(store: Store, file: Path, share: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    assert_damaged(store, file, "its checksum does not match")


def test_a_single_flipped_bit_is_found_out_anywhere(store: Store, file: Path) -> None:
    content = file.read_bytes()
    rng = np.random.default_rng(0)
    for place in {0, len(content) - 1, *rng.integers(0, len(content), 200).tolist()}:
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(flipped)
        assert_damaged(store, file, "its checksum does not match")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x05\x06" + bytes(18), os.urandom(5000)])
def test_a_file_of_something_else_is_found_out(store: Store, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert_damaged(store, file)


def test_an_npz_from_elsewhere_is_found_out(store: Store, file: Path) -> None:
    np.savez(file, decoder=np.zeros(3))
    assert_damaged(store, file)


def test_a_capture_under_another_name_is_found_out(store: Store, file: Path) -> None:
    other = "f" * 64
    store.put(random_capture(1, other))
    (store.root / f"{other}.npz").replace(file)
    assert_damaged(store, file, f"it holds another capture, {other[:30]}")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 1}, "it is of format 1, not 2"),
        ({"attentions": {"decoder": {}}}, "'queries'"),
        ({"attentions": []}, ""),
        (
            {"attentions": {"encoder": {"queries": [["r0c0", False, -1, {"row": 0}]]}}},
            "Token.__init__() got",
        ),
        ({"provenance": {"source": "?"}}, ""),
    ],
)
def test_a_sealed_file_of_another_make_is_found_out(
    store: Store, file: Path, change: dict[str, object], reason: str
) -> None:
    content = io.BytesIO(file.read_bytes())
    with zipfile.ZipFile(content) as archive:
        summary = json.loads(archive.read("capture.json")) | change
    file.write_bytes(sealed({"capture.json": json.dumps(summary).encode()}))
    assert_damaged(store, file, reason)


def test_a_sealed_file_with_a_pickle_is_not_opened(store: Store, file: Path) -> None:
    content = io.BytesIO(file.read_bytes())
    with zipfile.ZipFile(content) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    pickled = io.BytesIO()
    np.save(pickled, np.array([print], dtype=object), allow_pickle=True)
    arrays = {name: pickled.getvalue() for name in members if name != "capture.json"}
    file.write_bytes(sealed(members | arrays))
    assert_damaged(store, file, "Object arrays cannot be loaded when allow_pickle=False")


def sealed(members: dict[str, bytes]) -> bytes:
    """A zip with a true checksum, as somebody who knows the format could make it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = bytes(64)
        for name, content in members.items():
            archive.writestr(name, content)
    body = buffer.getvalue()[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


def test_damage_is_mended_by_putting_again(store: Store, file: Path) -> None:
    file.write_bytes(b"")
    store.put(random_capture(0))
    assert_equal(random_capture(0), store.get(KEY))


# --- Folders --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["", "../" + KEY[3:], KEY[:-1], KEY + "0", KEY.upper(), f"{KEY}\n", "a/" * 32, "é" * 64]
)
def test_what_is_no_key_reaches_no_file(store: Store, key: str) -> None:
    for use in (store.get, store.__contains__):
        with pytest.raises(StoreError, match="is not the key of a capture"):
            use(key)
    with pytest.raises(StoreError, match="is not the key of a capture"):
        store.put(replace(random_capture(0), key=key))
    assert not store.root.exists()


def test_many_writers_leave_one_whole_file(store: Store) -> None:
    captures = [random_capture(seed) for seed in range(8)]
    whole = set()
    for capture in captures:
        store.put(capture)
        whole.add((store.root / f"{KEY}.npz").read_bytes())
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            written = [pool.submit(store.put, capture) for capture in captures]
            assert (store.root / f"{KEY}.npz").read_bytes() in whole
            for each in written:
                each.result()
            assert (store.root / f"{KEY}.npz").read_bytes() in whole
    assert files(store) == [f"{KEY}.npz"]


def test_a_writer_that_is_killed_leaves_no_file(store: Store) -> None:
    """The process dies with the bytes written, before they get their name."""
    code = (
        "import os, sys, pathlib\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from attention_gallery.store import Store\n"
        "from test_store import random_capture\n"
        "os.fsync = lambda _: os._exit(9)\n"
        f"Store(pathlib.Path({str(store.root)!r})).put(random_capture(0))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert store.get(KEY) is None
    assert KEY not in store


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_store_that_cannot_be_written_says_why(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    def refuse(_: int) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StoreError) as caught:
        store.put(random_capture(1))
    assert caught.value.message == (
        f"the capture cannot be stored in {store.root}: {os.strerror(fault)}"
    )
    assert_equal(random_capture(0), store.get(KEY))
    assert files(store) == [file.name]


def test_a_store_whose_place_is_taken_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be stored in .*: File exists"):
        Store(tmp_path / "file").put(random_capture(0))
    with pytest.raises(StoreError, match="cannot be read: Not a directory"):
        Store(tmp_path / "file").get(KEY)


def random_measured(seed: int) -> Measured:
    rng = np.random.default_rng(seed)
    return Measured(
        KEY,
        "ablation",
        {
            "zero/0": rng.normal(size=4),
            "zero/1": rng.normal(size=2),
            "map/norms/decoder/0": rng.integers(0, 65536, (2, 3), dtype=np.uint16),
            "none": np.array(np.nan),
        },
        {"title": "Ablation", "words": WORDS, "answer": {"at": None, "value": -0.25}},
        PROVENANCE,
    )


def test_what_was_measured_comes_out_the_same(store: Store) -> None:
    written = random_measured(0)
    store.put_measured(written)
    read = store.get_measured(KEY)
    assert read is not None
    assert (read.key, read.measure) == (written.key, written.measure)
    assert read.facts == written.facts
    assert read.provenance == written.provenance
    assert read.arrays.keys() == written.arrays.keys()
    for name, array in written.arrays.items():
        np.testing.assert_array_equal(read.arrays[name], array)
        assert read.arrays[name].dtype == array.dtype
    assert [len(layer) for layer in read.layers("zero")] == [4, 2]
    assert read.layers("mean") == ()


def test_what_was_measured_opens_in_numpy_alone_and_twice_the_same(store: Store) -> None:
    store.put_measured(random_measured(0))
    (file,) = store.root.iterdir()
    first = file.read_bytes()
    with np.load(file, allow_pickle=False) as arrays:
        assert arrays["zero/1"].shape == (2,)
    store.put_measured(random_measured(0))
    assert file.read_bytes() == first


def test_a_capture_is_no_measure(store: Store) -> None:
    store.put(random_capture(0))
    with pytest.raises(StoreError, match=r"is damaged: .*; delete it to have it measured again"):
        store.get_measured(KEY)


def test_a_damaged_measure_is_refused(store: Store) -> None:
    store.put_measured(random_measured(0))
    (file,) = store.root.iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(StoreError, match="its checksum does not match"):
        store.get_measured(KEY)
    assert store.get_measured("0" * 64) is None
