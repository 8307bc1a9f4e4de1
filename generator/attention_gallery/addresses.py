"""Where pages and files of exhibits live below a site."""

from __future__ import annotations

from attention_gallery.terms import Exhibit

SHARED = "assets/attention-gallery"
"""Where files that all exhibits use live below the site."""

VEGA = f"{SHARED}/vega.js"
ELEMENT = f"{SHARED}/attention-chart.js"
STYLE = f"{SHARED}/exhibit.css"


def page_path(exhibit: Exhibit) -> str:
    """Where an exhibit's page lives below the site."""
    return f"exhibits/{exhibit.id}.md"


def file_path(exhibit: Exhibit, name: str) -> str:
    """Where a file of an exhibit lives below the site."""
    return f"exhibits/{exhibit.id}/{name}"
