"""What axe-core finds on a page that stands in somebody's way."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page


def serious(page: Page) -> dict[str, dict[str, list[str]]]:
    """What axe calls serious or critical in light and in dark: by rule, the elements."""
    page.locator("details").evaluate_all("all => all.forEach((e) => { e.open = true; })")
    page.evaluate(Axe().axe_script)
    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        result = page.evaluate("axe.run(document, { preload: false, resultTypes: ['violations'] })")
        found[scheme] = {
            violation["id"]: [node["html"] for node in violation["nodes"]]
            for violation in result["violations"]
            if violation["impact"] in ("serious", "critical")
        }
    return {scheme: each for scheme, each in found.items() if each}
