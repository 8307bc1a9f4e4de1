"""Bytes of a built site, by exhibit and by page."""

from __future__ import annotations

from pathlib import Path

import pytest

from attention_gallery import weight
from attention_gallery.weight import weigh

VEGA = "assets/vega.js"
PAGE = (
    '<link href="../assets/a%20b.css" rel="stylesheet"><link rel="next" href="other.html">'
    '<script src="../{vega}" defer></script><a href="fox/weights.npz">weights</a>'
    '<attention-chart exhibit="fox" src="fox/data.js?1#x" vega="../{vega}"></attention-chart>'
    '<img src="https://elsewhere.example/fox/weights.npz"><img src="fox/gone.png">'
    "<code>&lt;img src=&quot;fox/weights.npz&quot;&gt;</code>"
)


def write_site(folder: Path, *, flat: bool) -> None:
    """One exhibit of one page, one data file and one download; a home page; what all pages load."""
    page = PAGE.format(vega=VEGA)
    if not flat:
        page = page.replace('"../', '"../../').replace('="fox/', '="')
    files = {
        VEGA: "v" * 1000,
        "assets/a b.css": "c" * 100,
        "exhibits/fox/data.js": "d" * 10,
        "exhibits/fox/weights.npz": "w" * 5000,
        "exhibits/fox.html" if flat else "exhibits/fox/index.html": page,
        "exhibits/index.html": "index",
        ".git/objects/pack": "g" * 10_000,
        "index.html": '<img src="/exhibits/fox/weights.npz"> home',
    }
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")


@pytest.mark.parametrize("flat", [True, False], ids=["files", "folders"])
def test_an_exhibit_is_its_page_and_its_folder_and_a_page_what_it_loads(
    tmp_path: Path, flat: bool
) -> None:
    """Each file once; not what is linked, what is elsewhere, what is missing, or what is quoted."""
    write_site(tmp_path, flat=flat)
    name = "exhibits/fox.html" if flat else "exhibits/fox/index.html"
    own = (tmp_path / name).stat().st_size
    weighed = weigh(tmp_path)
    assert weighed.exhibits == {"fox": own + 10 + 5000}
    assert weighed.pages[name] == own + 1000 + 100 + 10
    assert weighed.pages["exhibits/index.html"] == len("index")
    everything = sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file())
    assert weighed.total == everything - 10_000  # .git is not served


def test_a_table_lists_the_largest_first_and_tells_of_the_rest() -> None:
    sizes = {"b": 20_000, "a": 20_000, "small": 3, "large": 1_500_000}
    assert weight.table("exhibit", sizes, 3) == [
        "    bytes  exhibit",
        "   1.5 MB  large",
        "    20 kB  a",
        "    20 kB  b",
        "           1 more, down to 3 B (-v lists all)",
    ]
    assert len(weight.table("exhibit", sizes, None)) == 5
    assert weight.table("exhibit", {}, 3) == []
