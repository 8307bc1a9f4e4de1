"""What was taken out of documents is put back by the page itself, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from attention_gallery import resources, transport
from attention_gallery.packing import Packed
from browser_fixtures import OpenPage
from documents import CASES, Document

pytestmark = pytest.mark.browser

_POLICY = "default-src 'none'; script-src 'unsafe-inline'"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_chart_gets_its_document_as_it_was(
    case: Callable[[], tuple[Document, Packed]], open_page: OpenPage, tmp_path: Path
) -> None:
    """From a file, where no script may evaluate text."""
    document, packed = case()
    spec = {"params": [], "anything": document}
    parts = json.dumps(transport.encode({"params": {}, "views": {"edges": spec}}, packed))
    element = (resources.templates() / "assets" / "attention-chart.js").read_text("utf-8")
    file = tmp_path / "page.html"
    file.write_text(
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<attention-chart exhibit="fox" view="edges"><p class="ag-picture"></p></attention-chart>'
        # What the chart is about to be drawn from is enough.
        "<script>window.vegaEmbed = () => new Promise(() => {});</script>"
        f'<script>{element}</script><script>AttentionGallery.exhibit("fox",{parts});</script>',
        "utf-8",
    )
    page = open_page(file.as_uri())
    page.wait_for_function("document.querySelector('attention-chart').spec")
    told = page.evaluate("JSON.stringify(document.querySelector('attention-chart').spec)")
    assert json.loads(told) == json.loads(json.dumps(spec))
