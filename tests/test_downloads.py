"""What readers of an exhibit can take home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from mkdocs.commands.build import build as build_with_mkdocs
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

from attention_gallery import views
from attention_gallery.downloads import Downloads, downloads
from attention_gallery.terms import (
    UNPUBLISHED,
    Attention,
    Exhibit,
    Imprint,
    Measured,
    Model,
)
from attentions import attention, capture, exhibit, measured_maps
from pictures import encoder, picture
from projects import fill_store, write_manifest, write_mkdocs


def offered(
    shown: Exhibit | None = None,
    source: Attention | None = None,
    imprint: Imprint = UNPUBLISHED,
    measured: Mapping[str, Measured] | None = None,
) -> Downloads:
    shown, held = shown or exhibit(views=("edges",)), capture(source or attention())
    packed = views.pack(shown, held, (), measured or {})
    return downloads(shown, held, packed, views.figures(shown, packed), imprint)


def paths(found: Downloads) -> list[str]:
    return [asset.path.removeprefix("exhibits/fox/") for asset in found.assets]


def test_numbers_and_what_makes_them_again_are_always_there() -> None:
    found = offered()
    assert paths(found) == ["weights.npz", "exhibit.yml", "reproduce.py"]
    assert found.charts == ()


def test_each_chart_is_there_in_the_wanted_formats_alone() -> None:
    found = offered(exhibit(), imprint=Imprint(downloads=("svg", "vega-lite")))
    assert [(chart.title, [file.title for file in chart.files]) for chart in found.charts] == [
        ("Edges", ["Vega-Lite", "SVG"]),
        ("Heatmap", ["Vega-Lite", "SVG"]),
    ]
    assert paths(found)[:4] == ["edges.vl.json", "edges.svg", "heatmap.vl.json", "heatmap.svg"]


def test_all_that_is_offered_is_there() -> None:
    found = offered(imprint=Imprint(downloads=("svg",)), measured=measured_maps(attention()))
    named = {file.path for chart in found.charts for file in chart.files}
    named |= {archive.path for archive in found.archives}
    named |= {found.manifest_path, found.script_path}
    assert named == {asset.path for asset in found.assets}
    assert "exhibits/fox/measures.npz" in named


def test_what_the_script_needs_and_what_the_numbers_are_compared_with_is_said() -> None:
    hub = replace(exhibit(views=("edges",)), model=Model("m", "a/gpt2", "hub", "a/gpt2", "0" * 40))
    assert "transformers alone" in offered(hub).script_says
    assert "attention-gallery, which has to be installed" in offered().script_says
    assert "against_0" not in offered().archives[0].says

    shown, held = exhibit(against=("later",)), capture(attention())
    packed = views.pack(shown, held, (held,))
    found = downloads(shown, held, packed, (), UNPUBLISHED)
    assert "against_0" in found.archives[0].says


def test_what_cannot_be_made_is_not_offered() -> None:
    shown, held = picture(encoder())
    packed = views.pack(shown, held)
    found = downloads(shown, held, packed, views.figures(shown, packed), Imprint())
    assert found.script_path == ""
    assert not [asset for asset in found.assets if asset.path.endswith(".py")]
    asked = replace(exhibit(views=("edges",)), model=Model("m", "api:a.json", "api", "a.json"))
    assert offered(asked).script_path == ""


def test_no_folder_of_this_machine_gets_into_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown, held = picture(encoder())
    sentence = replace(shown.sentence, image=str(tmp_path / "scene.png"))
    shown = replace(shown, sentence=sentence)
    packed = views.pack(shown, held)
    figures = views.figures(shown, packed)
    imprint = Imprint(root=str(tmp_path), downloads=("vega-lite", "svg"))
    for asset in downloads(shown, held, packed, figures, imprint).assets:
        assert str(tmp_path).encode() not in asset.content


def test_a_site_has_the_wanted_files_and_its_head_whatever_its_author_keeps_out(
    tmp_path: Path,
) -> None:
    write_manifest(tmp_path)
    fill_store(tmp_path)
    config = write_mkdocs(
        tmp_path,
        site_url="https://example.org/",
        exclude_docs="*.yml\n*.py\n",
        theme="mkdocs",
        plugins=[{"attention-gallery": {"downloads": ["svg"]}}],
    )
    build_with_mkdocs(load_config(str(config)))
    folder = tmp_path / "site" / "exhibits" / "once"
    assert sorted(each.name for each in folder.iterdir()) == [
        "data.js",
        "edges.svg",
        "exhibit.yml",
        "index.html",
        "reproduce.py",
        "share.png",
        "thumbnail.png",
        "weights.npz",
    ]
    html = (folder / "index.html").read_text("utf-8")
    head, _, body = html.partition("</head>")
    assert 'property="og:image" content="https://example.org/exhibits/once/share.png"' in head
    assert "og:image" not in body
    assert 'href="edges.svg" download' in body
    assert "url = {https://example.org/exhibits/once/}" in body


def test_a_format_that_there_is_not_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_manifest(tmp_path)
    config = write_mkdocs(tmp_path, plugins=[{"attention-gallery": {"downloads": ["gif"]}}])
    with pytest.raises(Abort):
        load_config(str(config))
    assert "gif" in caplog.text
    assert "vega-lite" in caplog.text
