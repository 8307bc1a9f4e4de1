"""Headings of an author's, and figures that have had their ids for longer."""

from __future__ import annotations

from attention_gallery.anchors import ids, told_apart


def test_a_heading_leaves_its_id_to_a_figure_and_links_to_itself_by_another() -> None:
    html = (
        '<h2 id="edges">Edges<a class="headerlink" href="#edges">¶</a></h2>\n'
        '<h3 class="x" id="edges_1">More</h3><p>See <a href="#edges">the chart</a></p>'
        '<h4>id="edges"</h4><h2 id="edgesx">Edges</h2>'
    )
    renamed, new = told_apart(html, {"edges"})
    assert new == {"edges": "edges_2"}
    heading, rest = html.split("\n")
    assert renamed == f"{heading.replace('edges', 'edges_2')}\n{rest}"


def test_ids_that_nobody_else_has_stay() -> None:
    html = '<h2 id="a">A</h2><p id="grid"></p>'
    assert ids(html) == {"a", "grid"}
    assert told_apart(html, {"grid", "about"}) == (html, {})
