"""What a block says comes in through the door of manifests: faults are told at their place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from attention_gallery import embedding, resources
from attention_gallery.embedding import read_blocks
from attention_gallery.errors import GalleryError
from attention_gallery.manifest import read_manifest
from attention_gallery.terms import Block, Exhibit, Gallery, Head, MarkdownPage

GOLDEN = Path(__file__).parent / "golden"
BLOCKS = GOLDEN / "blocks"
CASES = sorted(path.stem for path in BLOCKS.glob("*.md"))


@pytest.fixture(autouse=True)
def _known_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages list specimens and views: those of the tests, not those that ship today."""
    specimens = {path.name: path for path in sorted((GOLDEN / "specimens").iterdir())}
    monkeypatch.setattr(resources, "specimens", lambda: specimens)
    names = ("alignment", "edges", "heatmap", "neuron")
    monkeypatch.setattr(resources, "view_names", lambda: names)
    monkeypatch.chdir(BLOCKS)


def read(text: str, *manifests: str, path: str = "page.md") -> tuple[list[Gallery], list[Block]]:
    """The blocks of a page beside some manifests, by default that of two animals."""
    galleries = [read_manifest(Path(name)) for name in manifests or ("animals.yml",)]
    embedded, blocks = read_blocks([MarkdownPage(path, path, text, Path())], galleries)
    return embedded, list(blocks)


def inline(text: str, *manifests: str, path: str = "page.md") -> Exhibit:
    """The only exhibit that is written in a page."""
    [gallery], _ = read(f"```attention\n{text}\n```\n", *manifests, path=path)
    [exhibit] = gallery.exhibits
    return exhibit


@pytest.mark.parametrize("case", CASES)
def test_every_fault_of_a_page_is_told_at_once_with_its_line(
    case: str, golden: Callable[[Path, str], None]
) -> None:
    manifests = ["animals.yml", "again.yml"] if case == "several-meanings" else ["animals.yml"]
    with pytest.raises(GalleryError) as raised:
        read(Path(f"{case}.md").read_text("utf-8"), *manifests, path=f"{case}.md")
    assert raised.value.exit_code == 2
    golden(BLOCKS / f"{case}.txt", f"{raised.value}\n")


def test_faults_of_all_pages_are_told_at_once() -> None:
    pages = [MarkdownPage(n, n, "```attention\nnone\n```\n", Path()) for n in ("a.md", "b.md")]
    with pytest.raises(GalleryError) as raised:
        read_blocks(pages, [read_manifest(Path("animals.yml"))])
    assert [line.split(":")[0] for line in str(raised.value).splitlines()] == ["a.md", "b.md"]


@pytest.mark.parametrize("text", ["fox", "exhibit: fox", '"fox"', "{exhibit: fox}"])
def test_a_block_names_an_exhibit_of_a_manifest(text: str) -> None:
    embedded, [block] = read(f"```attention\n{text}\n```\n")
    assert embedded == []
    assert (block.exhibit, block.views, block.name) == ("fox", (), "block-1")
    assert str(block.where) == "page.md:1"


def test_a_block_may_show_other_views_that_need_nothing_more() -> None:
    _, [block] = read("```attention\nexhibit: fox\nviews: [heatmap, edges]\n```\n")
    assert block.views == ("heatmap", "edges")
    exhibit = read_manifest(Path("animals.yml")).exhibits[0]
    assert embedding.also_shown(exhibit, [block]) == ("heatmap",)


def test_an_exhibit_in_a_block_has_names_of_manifests_or_what_they_stand_for() -> None:
    named = inline("model: story\nsentence: once\nheads: [L1H0]")
    written = inline("model: specimen:story\nsentence: Once upon a time\nheads: [L1H0]")
    mapped = inline("model: {source: specimen:story}\nsentence: {text: Once upon a time}")
    assert named.model.location == written.model.location == mapped.model.location
    assert named.sentence.text == written.sentence.text == mapped.sentence.text
    assert named.title == written.title == "Once upon a time"
    assert named.heads == written.heads == (Head(1, 0),)
    assert (named.sentence.id, written.model.id) == ("once", "specimen:story")


def test_an_exhibit_in_a_block_is_held_against_names_and_sources() -> None:
    exhibit = inline(
        "model: story\nsentence: fox\nagainst: {sentences: [once, A text of its own here]}"
    )
    texts = [variant.sentence.text for variant in exhibit.against]
    assert texts == ["Once upon a time", "A text of its own here"]


def test_a_name_that_means_the_same_in_two_manifests_is_no_fault() -> None:
    assert inline("model: again\nsentence: fox", "animals.yml", "again.yml").sentence.id == "fox"


def test_a_place_in_a_block_is_that_in_the_page() -> None:
    text = "---\ntitle: x\n---\n\n\n```attention\nmodel: story\nsentence: fox\nid: mine\n```\n"
    [gallery], [block] = read(text)
    assert str(gallery.exhibits[0].where) == "page.md:9:5"
    assert str(block.where) == "page.md:6"
    assert (gallery.file, gallery.embedded, gallery.exhibits[0].id) == ("page.md", True, "mine")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("page.md", "page-1"),
        ("a-b.md", "a-b-1"),
        ("a/b.md", "a-b-c14cdd-1"),
        ("lessons/Erste Stunde.md", "lessons-erste-stunde-52e47b-1"),
        ("lessons/index.md", "lessons-cb8fe3-1"),
        ("日本.md", "page-cf2abf-1"),
        ("中国.md", "page-f0e952-1"),
        ("é.md", "e-4a9955-1"),
        ("e\u0301.md", "e-4a9955-1"),  # the same name, as another file system has it
        (f"{'x' * 200}.md", f"{'x' * 80}-aa20c2-1"),
    ],
)
def test_an_exhibit_in_a_block_is_called_by_its_page_unless_it_has_an_id(
    path: str, name: str
) -> None:
    assert inline("model: story\nsentence: fox", path=path).id == name


def test_only_exhibits_that_are_written_in_a_page_are_counted_for_their_ids() -> None:
    mine = "```attention\nmodel: story\nsentence: fox\n```\n"
    [gallery], blocks = read(f"```attention\nfox\n```\n{mine}{mine}")
    assert [exhibit.id for exhibit in gallery.exhibits] == ["page-1", "page-2"]
    assert [block.name for block in blocks] == ["block-1", "block-2", "block-3"]


def test_a_page_nobody_knows_needs_ids() -> None:
    with pytest.raises(GalleryError, match="id: missing"):
        inline("model: story\nsentence: fox", path="")


def test_what_a_block_asks_besides_is_kept_in_the_shape_of_its_kind() -> None:
    _, [block] = read("```predict\nexhibit: fox\nhead: L0H1\ntoken: jumps\n```\n")
    assert (block.kind, block.asked.head, block.asked.token) == ("predict", Head(0, 1), "jumps")
    assert {key: str(at) for key, at in block.asked_at.items()} == {
        "head": "page.md:3:7",
        "token": "page.md:4:8",
    }


def test_hostile_text_of_any_length_is_a_sentence_or_a_fault_in_one_line() -> None:
    text = "</script><!-- \u202e 🙂 " * 500
    written = json.dumps(text, ensure_ascii=False)
    assert inline(f"model: story\nsentence: {written}").sentence.text == text
    with pytest.raises(GalleryError) as raised:
        inline(f"model: {written}\nsentence: fox")
    assert len(str(raised.value).splitlines()) == 1
    assert len(str(raised.value)) < 400
    assert "\u202e" not in str(raised.value)
