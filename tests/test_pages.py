"""Exhibits and figures to pages and their files."""

from __future__ import annotations

import dataclasses
import io
import json
import re

import markdown
import numpy as np
import pytest

from attention_gallery import pages, views
from attention_gallery.sprite import sprite
from attention_gallery.terms import (
    Asset,
    Attention,
    Exhibit,
    Head,
    Page,
    Sentence,
    fragment_marker,
)
from attentions import HOSTILE, attention, capture, exhibit
from documents import received
from hostile import ATTACK, text_and_tags
from pictures import captioner, encoder, picture


def made(
    shown: Exhibit | None = None,
    source: Attention | None = None,
    *,
    previous: Exhibit | None = None,
    following: Exhibit | None = None,
) -> tuple[Page, dict[str, Asset]]:
    shown = shown or exhibit()
    source = source or attention()
    held = capture(source)
    packed = views.pack(shown, held)
    page, assets = pages.exhibit_page(
        shown, held, packed, views.figures(shown, packed), previous=previous, following=following
    )
    return page, {asset.path: asset for asset in assets}


def test_a_page_names_each_view_once_in_order_and_then_what_is_behind_it() -> None:
    page, _ = made()
    assert list(page.fragments) == ["edges", "heatmap", "about"]
    markers = [line for line in page.markdown.splitlines() if line.startswith("<!--")]
    assert markers == [fragment_marker(name) for name in page.fragments]


def test_prose_is_markdown_and_everything_else_is_text() -> None:
    page, _ = made(exhibit(title=ATTACK, text=ATTACK, prose="Look at **jumps**."))
    text, tags = text_and_tags(markdown.markdown(page.markdown))
    assert tags == {"h1", "p", "strong"}
    assert text.count(ATTACK) == 2


def test_line_breaks_and_control_characters_do_not_end_a_heading() -> None:
    page, _ = made(exhibit(title="a\n# b\x00\x1b[31m"))
    assert page.markdown.startswith("# a &#35; b &#91;31m\n")


def test_hostile_tokens_are_text_in_every_fragment() -> None:
    page, _ = made(exhibit(title=ATTACK), attention(HOSTILE))
    for fragment in page.fragments.values():
        _, tags = text_and_tags(fragment)
        assert not tags & {"img", "script"}
    text, _ = text_and_tags(page.fragments["about"])
    assert all(token in text for token in HOSTILE)


def test_the_data_script_is_ascii_and_gives_back_every_document() -> None:
    """What the views share is written once, and put back makes the documents whole again."""
    shown = exhibit()
    packed = views.pack(shown, capture(attention(HOSTILE)))
    figures = views.figures(shown, packed)
    script = pages.data_script(figures, packed)
    assert script.isascii()
    assert script == pages.data_script(figures, packed)
    call = re.fullmatch(r'AttentionGallery\.exhibit\("fox",(\["[A-Za-z0-9+/=",]*"\])\);\n', script)
    assert call is not None
    data = received(json.loads(call[1]))
    assert json.dumps(data).count(packed.blobs[3]) == 1
    for figure in figures:
        spec = data["views"][figure.view]
        for param in spec["params"]:
            if "value" in param and param["value"] is None:
                param["value"] = data["params"][param["name"]]
        assert spec == json.loads(json.dumps(figure.spec))


def test_the_archive_holds_the_exact_weights_without_pickle() -> None:
    source = attention(n_heads=(2, 3))
    _, assets = made(source=source)
    archive = np.load(io.BytesIO(assets["exhibits/fox/weights.npz"].content), allow_pickle=False)
    assert archive["queries"].tolist() == [token.text for token in source.queries]
    for i, layer in enumerate(source.layers):
        assert archive[f"layer_{i}"].dtype == np.float32
        assert (archive[f"layer_{i}"] == layer).all()


def test_of_listed_heads_the_archive_holds_those_alone() -> None:
    """All heads of a thousand tokens would be hundreds of megabytes."""
    source = attention(n_heads=(2, 3))
    shown = exhibit(heads=(Head(1, 2), Head(0, 0)))
    page, assets = made(shown, source)
    archive = np.load(io.BytesIO(assets["exhibits/fox/weights.npz"].content), allow_pickle=False)
    assert sorted(archive.files) == ["L0H0", "L1H2", "keys", "queries"]
    assert (archive["L1H2"] == source.layers[1][2]).all()
    assert "The weights of these heads" in text_and_tags(page.fragments["about"])[0]


def test_a_page_says_what_made_its_numbers_and_how_far_off_they_are() -> None:
    page, _ = made()
    text, _ = text_and_tags(page.fragments["about"])
    for fact in ("specimen:none", "0123abc", "NoTokenizer", "float32 on cpu", "torch 0.0"):
        assert fact in text
    stated = re.search(r"off by at most (0\.000\d\d)", text)
    assert stated is not None
    assert 0 < float(stated[1]) - views.pack(exhibit(), capture(attention())).error < 1e-5


def test_a_page_names_what_its_author_trusted() -> None:
    plain = exhibit(against=("twin",))
    (variant,) = plain.against
    trusted = dataclasses.replace(
        plain,
        model=dataclasses.replace(plain.model, trust_remote_code=True, allow_pickle=True),
        against=(
            dataclasses.replace(
                variant, model=dataclasses.replace(variant.model, trust_remote_code=True)
            ),
        ),
    )

    def about(shown: Exhibit) -> str:
        own, other = capture(attention()), capture(attention(seed=1))
        packed = views.pack(shown, own, [other])
        figures = views.figures(shown, packed)
        page, _ = pages.exhibit_page(shown, own, packed, figures, others=[other])
        return page.fragments["about"]

    assert "Trusted" not in about(plain)
    assert (
        "<dt>Trusted by the author</dt><dd>code that came with specimen:none, code that came with "
        "specimen:twin, pickle files of specimen:none</dd>"
    ) in about(trusted)


def test_cross_attention_says_which_token_a_row_belongs_to() -> None:
    page, _ = made(source=attention(kind="cross", keys=("le", "chat")))
    text, _ = text_and_tags(page.fragments["about"])
    assert "the token the decoder reads there, not the one it predicts next" in text


def test_a_target_is_shown_where_a_decoder_read_it_and_nowhere_else() -> None:
    sentence = Sentence("s", "le chat", target="the cat")
    shown = dataclasses.replace(exhibit(), sentence=sentence)
    assert "the cat" not in made(shown)[0].markdown
    page, _ = made(shown, attention(kind="cross", keys=("le", "chat")))
    assert "the cat" in page.markdown
    assert "given by the author" in page.fragments["about"]
    unasked = dataclasses.replace(shown, sentence=Sentence("s", "le chat"))
    page, _ = made(unasked, attention(kind="cross", keys=("le", "chat")))
    assert "written by the model" in page.fragments["about"]


@pytest.mark.parametrize("target", ["", "a red circle"])
def test_a_page_about_an_image_has_no_place_for_a_text_that_is_not_there(target: str) -> None:
    shown, held = picture(captioner())
    shown = dataclasses.replace(shown, sentence=dataclasses.replace(shown.sentence, target=target))
    packed = views.pack(shown, held)
    figures = views.figures(shown, packed)
    page, _ = pages.exhibit_page(shown, held, packed, figures)
    lone = pages.lone_file(shown, held, packed, figures, "vega()")
    for html in (page.markdown, lone[lone.index("<main>") :]):
        assert html.count('class="ag-sentence"') == (1 if target else 0)


def test_a_page_about_patches_says_that_its_rows_are_patches() -> None:
    shown, held = picture(encoder())
    packed = views.pack(shown, held)
    page, _ = pages.exhibit_page(shown, held, packed, views.figures(shown, packed))
    assert "each row is a patch of the image" in page.fragments["about"]
    assert "row 2 column 3" in page.fragments["about"]


def test_neighbours_are_linked_by_title() -> None:
    before, after = exhibit(id="before", title="B & before"), exhibit(id="after", title="After")
    page, _ = made(previous=before, following=after)
    about = page.fragments["about"]
    assert 'rel="prev" href="site:exhibits/before.md">← B &amp; before<' in about
    assert 'rel="next" href="site:exhibits/after.md">After →<' in about


def test_without_neighbours_there_is_no_empty_navigation() -> None:
    assert "<nav" not in made()[0].fragments["about"]


def test_one_file_needs_no_other() -> None:
    shown = exhibit(title=ATTACK, text=ATTACK)
    held = capture(attention(HOSTILE))
    packed = views.pack(shown, held)
    vega = "window.vegaEmbed = '<script></script><!--';"
    html = pages.lone_file(shown, held, packed, views.figures(shown, packed), vega)
    without_scripts = re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    assert not re.search(r'\s(?:src|href|vega)="', without_scripts)
    assert len(re.findall(r"<script", html)) == len(re.findall(r"</script>", html)) == 3
    assert "<img" not in without_scripts
    assert "site:" not in html


def test_the_thumbnail_is_the_image_where_there_is_one_and_the_heads_where_there_is_none() -> None:
    shown, held = picture(captioner())
    packed = views.pack(shown, held)
    _, assets = pages.exhibit_page(shown, held, packed, views.figures(shown, packed))
    contents = {asset.path: asset.content for asset in assets}
    assert contents[f"exhibits/{shown.id}/thumbnail.png"] == held.image
    assert made()[1]["exhibits/fox/thumbnail.png"].content == sprite(attention())


def test_what_an_exhibit_is_compared_with_is_named_and_comes_along() -> None:
    shown = exhibit(views=("compare",), against=("twin <b>",))
    own, other = capture(attention()), capture(attention(seed=1))
    packed = views.pack(shown, own, [other])
    page, assets = pages.exhibit_page(
        shown, own, packed, views.figures(shown, packed), others=[other]
    )
    assert "“twin &lt;b&gt;”: specimen:none, 0123abc" in page.fragments["about"]
    [archive] = [a.content for a in assets if a.path.endswith("weights.npz")]
    weights = np.load(io.BytesIO(archive), allow_pickle=False)
    assert weights["against"].tolist() == ["twin <b>"]
    expected = other.attentions["decoder"].layers[2]
    assert (weights["against_0_layer_2"] == expected).all()
    assert (weights["layer_2"] == own.attentions["decoder"].layers[2]).all()
