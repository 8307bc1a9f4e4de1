"""What our pages are held against: BertViz's, and a page of one picture.

BertViz and the three scripts that its pages ask another host for lie in ``build/bertviz``, where
`make bench-browser` puts them.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from attention_gallery.sprite import sprite
from bench.browser.weights import Source

FETCHED = Path(__file__).resolve().parents[3] / "build" / "bertviz"
VIEWS = ("head_view", "model_view")
FLOOR = "floor.html"

_SCRIPTS = "https://cdnjs.cloudflare.com/ajax/libs/"
# Without `.js` where require.js, which asks for it, adds that.
_ASKED_FOR = {
    f"{_SCRIPTS}require.js/2.3.6/require.min.js": ("require.js", "requirejs/require.js"),
    f"{_SCRIPTS}d3/5.7.0/d3.min": ("d3", "d3/dist/d3.min.js"),
    f"{_SCRIPTS}jquery/2.0.0/jquery.min": ("jquery", "jquery/dist/jquery.min.js"),
}


def build_pages(folder: Path, sources: Sequence[Source]) -> None:
    """Write all of them into a folder; BertViz's differ from its own in where scripts lie only."""
    (folder / "shared").mkdir(parents=True, exist_ok=True)
    for name, file in _ASKED_FOR.values():
        script = (FETCHED / "node_modules" / file).read_bytes()
        (folder / "shared" / name).with_suffix(".js").write_bytes(script)
    # Behind all others: what is installed here is not replaced.
    sys.path.append(str(FETCHED / "python"))
    bertviz = import_module("bertviz")
    for source in sources:
        for view in VIEWS:
            draw = getattr(bertviz, view)
            html: str = draw(source.tensors, list(source.tokens), html_action="return").data
            for asked, (name, _) in _ASKED_FOR.items():
                assert asked in html, f"{view} no longer asks for {asked}"
                html = html.replace(asked, f"/shared/{name}")
            (folder / page(source, view)).write_text(f"<!DOCTYPE html>\n{html}", "utf-8")
    (folder / FLOOR).write_text(_floor(sprite(sources[0].attention)), "utf-8")


def page(source: Source, view: str) -> str:
    """Address of one of BertViz's views."""
    return f"{view}-{source.name.lower().replace(' ', '-')}.html"


def _floor(picture: bytes) -> str:
    """A picture, and the least that can answer: what no page can be faster than."""
    data = base64.b64encode(picture).decode("ascii")
    return (
        "<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>Floor</title>"
        f"<img src='data:image/png;base64,{data}' alt='' style='width: 600px'>"
        "<select oninput='said.textContent = value'><option>0<option>1<option>2<option>3"
        "<option>4<option>5<option>6</select><p id='said'>-</p>"
        "<script>document.querySelector('img').onpointermove = (event) => {"
        "said.textContent = [event.x, event.y]}</script>"
    )
