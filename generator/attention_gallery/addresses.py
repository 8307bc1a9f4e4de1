"""Where pages and files of exhibits live below a site."""

from __future__ import annotations

from attention_gallery.terms import Exhibit

SHARED = "assets/attention-gallery"
"""Where files that all exhibits use live below the site."""

VEGA = f"{SHARED}/vega.js"
ELEMENT = f"{SHARED}/attention-chart.js"
INDEX = f"{SHARED}/gallery-index.js"
STYLE = f"{SHARED}/exhibit.css"
TEACHING = f"{SHARED}/teaching.js"
TEACHING_STYLE = f"{SHARED}/teaching.css"
WORDS = f"{SHARED}/words.js"
"""What scripts say, where that is not in English; it runs before them."""

STYLES = (STYLE, TEACHING_STYLE)
"""What every page loads, in this order."""

SCRIPTS = (ELEMENT, INDEX, TEACHING)
"""What every page loads, deferred, in this order; charts load `VEGA` when they come into view."""


def page_path(exhibit: Exhibit) -> str:
    """Where an exhibit's page lives below the site."""
    return f"exhibits/{exhibit.id}.md"


def file_path(exhibit: Exhibit, name: str) -> str:
    """Where a file of an exhibit lives below the site."""
    return f"exhibits/{exhibit.id}/{name}"
