"""The whole pipeline on one page.

    manifest -> Gallery -> Plan -> Capture -> store -> Figure -> Page -> site

Two clocks: capturing (torch, minutes, stored for ever) and everything else (milliseconds an
exhibit). Only a miss in the store opens the module that knows torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from attention_gallery import pages, site, views
from attention_gallery.errors import GalleryError, StoreError, raise_faults
from attention_gallery.manifest import read_manifest
from attention_gallery.plan import make_plan
from attention_gallery.store import Store
from attention_gallery.terms import (
    Asset,
    Capture,
    CaptureRequest,
    Exhibit,
    Gallery,
    Page,
    Plan,
    Site,
)

T = TypeVar("T")


class Track(Protocol):
    """Something that shows progress while it passes things through."""

    def __call__(self, items: Iterable[T], label: str, length: int, /) -> Iterable[T]:
        """Yield `items`, of which there are `length`."""


def silently(items: Iterable[T], _label: str, _length: int, /) -> Iterable[T]:
    """Show nothing."""
    return items


def read(manifests: Sequence[Path]) -> Plan:
    """Read manifests and plan what they need, with the faults of all of them at once.

    Raises:
        GalleryError: Whatever an author has to mend.
    """
    galleries: list[Gallery] = []
    faults: list[GalleryError] = []
    for manifest in manifests:
        try:
            galleries.append(read_manifest(manifest))
        except GalleryError as error:
            faults.append(error)
    raise_faults(faults)
    plan = make_plan(galleries)
    views.check(plan.exhibits)
    return plan


def missing(plan: Plan, store: Store) -> list[CaptureRequest]:
    """What the store does not hold yet."""
    return [request for key, request in plan.requests.items() if key not in store]


def obtain(plan: Plan, store: Store, track: Track = silently) -> int:
    """Capture what the store misses; a cached build never gets past the first line.

    Returns:
        How many captures were made.

    Raises:
        GalleryError: A model or a sentence that cannot be captured. What was captured before is
            kept.
    """
    requests = missing(plan, store)
    if requests:
        from attention_gallery.capture import capture_all

        for capture in track(capture_all(requests), "Capturing attention", len(requests)):
            store.put(capture)
    return len(requests)


def build_site(
    plan: Plan, store: Store, *, index_path: str = "index.md", track: Track = silently
) -> Site:
    """Draw every exhibit from stored captures and gather the site.

    Raises:
        GalleryError: What is wrong with the exhibits, all of them at once.
    """
    made = list(track(_pages(plan, store), "Drawing exhibits", len(plan.exhibits)))
    index = pages.index_page(plan.galleries, index_path)
    return site.assemble([(index, ()), *made], site.vega_bundle(store.root))


def _pages(plan: Plan, store: Store) -> Iterator[tuple[Page, tuple[Asset, ...]]]:
    faults: list[GalleryError] = []
    exhibits = plan.exhibits
    for before, exhibit, after in zip(
        (None, *exhibits), exhibits, (*exhibits[1:], None), strict=False
    ):
        try:
            capture = _stored(exhibit, plan.keys[exhibit.id], store)
            others = [_stored(exhibit, key, store) for key in plan.others[exhibit.id]]
            packed = views.pack(exhibit, capture, others)
            figures = views.figures(exhibit, packed)
        except GalleryError as error:
            faults.append(error)
            continue
        yield pages.exhibit_page(
            exhibit, capture, packed, figures, others=others, previous=before, following=after
        )
    raise_faults(faults)


def _stored(exhibit: Exhibit, key: str, store: Store) -> Capture:
    capture = store.get(key)
    if capture is None:
        raise StoreError(f"the capture of {exhibit.id} has gone from {store.root}", exhibit.where)
    return capture


def show(exhibit: Exhibit, store: Store, track: Track = silently) -> str:
    """One exhibit as one HTML file.

    Raises:
        GalleryError: The model or the sentence cannot be captured or shown.
    """
    views.check([exhibit])
    plan = make_plan([Gallery(exhibit.title, "", "", (exhibit,))])
    obtain(plan, store, track)
    capture = _stored(exhibit, plan.keys[exhibit.id], store)
    packed = views.pack(exhibit, capture)
    figures = views.figures(exhibit, packed)
    return pages.lone_file(exhibit, capture, packed, figures, site.vega_bundle(store.root))
