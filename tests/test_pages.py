"""Exhibits and figures to pages and their files."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from pathlib import Path

import markdown
import numpy as np
import pytest

from attention_gallery import pages, resources, views
from attention_gallery.errors import Where
from attention_gallery.sprite import sprite
from attention_gallery.templates import markdown_text, render_block
from attention_gallery.terms import (
    UNPUBLISHED,
    Asset,
    Attention,
    Exhibit,
    Head,
    Imprint,
    Page,
    Sentence,
    fragment_marker,
)
from attentions import HOSTILE, attention, capture, exhibit
from documents import received
from hostile import ATTACK, text_and_tags
from pictures import captioner, encoder, picture

PUBLISHED = Imprint(
    site_name="Reading attention",
    author="Ada <b> & Co",
    url="https://example.org/",
    repo_url="https://github.com/a/b",
    edit_url="https://github.com/a/b/blob/HEAD/{path}#L{line}",
    root="/nowhere",
)


def made(
    shown: Exhibit | None = None,
    source: Attention | None = None,
    *,
    previous: Exhibit | None = None,
    following: Exhibit | None = None,
    imprint: Imprint = UNPUBLISHED,
) -> tuple[Page, dict[str, Asset]]:
    shown = shown or exhibit()
    source = source or attention()
    held = capture(source)
    packed = views.pack(shown, held)
    page, assets = pages.exhibit_page(
        shown,
        held,
        packed,
        views.figures(shown, packed),
        previous=previous,
        following=following,
        imprint=imprint,
    )
    return page, {asset.path: asset for asset in assets}


def test_a_page_names_each_view_once_in_order_and_then_what_is_behind_it() -> None:
    page, _ = made()
    assert list(page.fragments) == ["look-for", "edges", "heatmap", "about"]
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


def sentences(markdown_text: str) -> list[str]:
    return [line for line in markdown_text.splitlines() if 'class="ag-sentence"' in line]


@pytest.mark.parametrize(
    ("lang", "attributes"),
    [
        ("", 'dir="auto"'),
        ("en-GB", 'lang="en-GB" dir="ltr"'),
        ("fa", 'lang="fa" dir="rtl"'),
        ("ar-Latn", 'lang="ar-Latn" dir="ltr"'),
        ("pa-Arab-PK", 'lang="pa-Arab-PK" dir="rtl"'),
    ],
)
def test_a_text_is_in_its_language_and_in_the_direction_of_that(lang: str, attributes: str) -> None:
    shown = exhibit(text="Once")
    shown = dataclasses.replace(shown, sentence=dataclasses.replace(shown.sentence, lang=lang))
    page, _ = made(shown)
    assert sentences(page.markdown) == [f'<p class="ag-sentence" {attributes}>Once</p>']


def test_a_translation_is_in_another_language_and_a_lone_target_in_that_of_the_sentence() -> None:
    source = attention(kind="cross", keys=("le", "chat"))
    sentence = Sentence("s", "le chat", target="the cat", lang="fr", pair="et moi")
    page, _ = made(dataclasses.replace(exhibit(), sentence=sentence), source)
    assert sentences(page.markdown) == [
        '<p class="ag-sentence" lang="fr" dir="ltr">le chat</p>',
        '<p class="ag-sentence" lang="fr" dir="ltr">et moi</p>',
        '<p class="ag-sentence" dir="auto">the cat</p>',
    ]
    shown, held = picture(captioner())
    sentence = dataclasses.replace(shown.sentence, target="un rond", lang="fr")
    shown = dataclasses.replace(shown, sentence=sentence)
    packed = views.pack(shown, held)
    page, _ = pages.exhibit_page(shown, held, packed, views.figures(shown, packed))
    assert sentences(page.markdown) == ['<p class="ag-sentence" lang="fr" dir="ltr">un rond</p>']


def test_what_to_look_for_is_the_author_s_markdown_in_a_box() -> None:
    shown = dataclasses.replace(
        exhibit(prose=""), look_for="Find **L0**.\n\n1. Try\n2. Tell\n\n[why]: <x>"
    )
    page, _ = made(shown)
    html = markdown.markdown(page.markdown)
    box = html[html.index("<blockquote>") : html.index("</blockquote>")]
    assert html.count("<blockquote>") == 1
    assert "What to look for" in box
    assert "<strong>L0</strong>" in box
    assert "<li>Try</li>" in box
    assert "look-for" not in page.fragments
    assert html.index('class="ag-look-for"') < html.index("<blockquote>")


def test_by_default_each_view_has_its_question() -> None:
    page, _ = made()
    text, tags = text_and_tags(page.fragments["look-for"])
    assert text.index("Pin a word. Which other words") < text.index("Is there a pattern")
    assert tags == {"div", "p", "strong", "ul", "li"}
    before, _, after = page.markdown.partition(fragment_marker("look-for"))
    assert "The quick brown fox" in before
    assert "Look at **jumps**" in after


@pytest.mark.parametrize("view", resources.view_names())
def test_every_view_asks_one_question(view: str) -> None:
    question = render_block(f"views/{view}.html.j2", "ask")
    assert question.endswith("?")
    assert "\n" not in question
    assert markdown_text(question).count("&#42;") == 0


def test_a_page_goes_from_what_is_seen_to_what_is_behind_it(tmp_path: Path) -> None:
    shown = dataclasses.replace(exhibit(), where=Where(str(tmp_path / "a.yml"), 3))
    imprint = dataclasses.replace(PUBLISHED, root=str(tmp_path))
    page, _ = made(shown, previous=exhibit(id="before"), imprint=imprint)
    about = page.fragments["about"]
    parts = ("ag-numbers", "ag-downloads", "ag-provenance", "ag-cite", "ag-edit", "ag-neighbours")
    places = [about.index(f'class="{part}"') for part in parts]
    assert places == sorted(places)
    assert [name for name, _ in page.contents] == ["edges", "heatmap", "about"]


def test_a_page_is_cited_by_its_address_and_edited_at_its_line(tmp_path: Path) -> None:
    where = Where(str(tmp_path / "galleries" / "50% #1.yml"), 12, 5)
    shown = dataclasses.replace(exhibit(), where=where)
    imprint = dataclasses.replace(PUBLISHED, root=str(tmp_path))
    about = made(shown, imprint=imprint)[0].fragments["about"]
    assert "url = {https://example.org/exhibits/fox/}" in about
    assert "author = {{Ada \\textless{}b\\textgreater{} \\&amp; Co}}" in about
    address = "https://github.com/a/b/blob/HEAD/galleries/50%25%20%231.yml#L12"
    assert f'<a href="{address}">Edit this page\'s lines in galleries/50% #1.yml</a>' in about


@pytest.mark.parametrize(
    ("where", "edit_url", "root"),
    [
        (None, PUBLISHED.edit_url, "."),
        (Where("/elsewhere/a.yml", 3), PUBLISHED.edit_url, "."),
        (Where("a.yml", 3), "", "."),
        (Where("a.yml", 3), PUBLISHED.edit_url, ""),
    ],
)
def test_a_line_that_no_reader_can_see_has_no_link(
    where: Where | None,
    edit_url: str,
    root: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = dataclasses.replace(exhibit(), where=where)
    imprint = dataclasses.replace(PUBLISHED, edit_url=edit_url, root=root)
    assert "ag-edit" not in made(shown, imprint=imprint)[0].fragments["about"]


def test_a_shared_link_has_a_picture_where_the_site_has_an_address() -> None:
    page, assets = made(imprint=PUBLISHED)
    assert 'content="https://example.org/exhibits/fox/share.png"' in page.head
    assert "exhibits/fox/share.png" in assets
    page, assets = made()
    assert 'property="og:title" content="The fox"' in page.head
    assert not [path for path in assets if "share" in path]


def test_of_listed_heads_the_archive_says_so() -> None:
    page, assets = made(exhibit(heads=(Head(1, 2), Head(0, 0))))
    assert "The weights of these heads" in text_and_tags(page.fragments["about"])[0]
    assert "exhibits/fox/weights.npz" in assets


def test_one_file_offers_no_other_and_is_in_the_language_of_the_interface() -> None:
    shown = exhibit()
    sentence = dataclasses.replace(shown.sentence, license="CC0-1.0", lang="en")
    shown = dataclasses.replace(shown, sentence=sentence)
    held = capture(attention())
    packed = views.pack(shown, held)
    html = pages.lone_file(shown, held, packed, views.figures(shown, packed), "vega()")
    body = html[html.index("<body>") :]
    assert '<html lang="en" dir="ltr">' in html
    assert '<p class="ag-sentence" lang="en" dir="ltr">' in body
    assert "Pin a word" in body
    assert "<dt>Licence of the text</dt><dd>CC0-1.0</dd>" in body
    assert not re.search('class="ag-(downloads|cite|edit)"', body)


def test_a_page_says_what_made_its_numbers_and_how_far_off_they_are() -> None:
    page, _ = made()
    text, _ = text_and_tags(page.fragments["about"])
    for fact in ("specimen:none", "0123abc", "NoTokenizer", "float32 on cpu", "torch 0.0"):
        assert fact in text
    stated = re.search(r"in a chart is off by at most (0\.000\d\d)", text)
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
    assert 'rel="prev" href="site:exhibits/before.md">← <bdi>B &amp; before</bdi><' in about
    assert 'rel="next" href="site:exhibits/after.md"><bdi>After</bdi> →<' in about


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
