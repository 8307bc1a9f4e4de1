"""Drawing many exhibits: what was drawn before is kept, and the rest is shared among processes.

A chart takes a third of a second, most of it Altair's, and a site may have thousands. So the
figures of an exhibit lie beside the captures under a digest of all that decides them, with this
package's own code among it: a drawing is never out of date, and may be thrown away at any time.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import multiprocessing
import os
import signal
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from attention_gallery import cache, language, views
from attention_gallery.codes import Layers
from attention_gallery.digests import digest_file, digest_of
from attention_gallery.errors import GalleryError
from attention_gallery.packing import Packed
from attention_gallery.terms import Capture, Exhibit, Figure, Measured, Table

_FEW = 8
"""So many exhibits are drawn before other processes are ready to draw any."""

_UNSEEN = frozenset(("where", "prose", "look_for", "tags", "license", "provenance", "key"))
"""Attributes of exhibits, and of what was captured for them, that no chart shows."""

_MOST = 16
"""So many processes draw at most: each holds Altair, a quarter of a gigabyte."""

Figures = tuple[Figure, ...]
Then = Callable[[Exhibit, Figures], object]


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """All that is known of one exhibit before it is drawn: no model is needed any more.

    Attributes:
        exhibit: The exhibit.
        capture: Its capture.
        others: The captures of what it is held against.
        measured: What was measured for it, by the names of measures.
        also: Names of views that only blocks in the author's pages show of it.
    """

    exhibit: Exhibit
    capture: Capture
    others: tuple[Capture, ...]
    measured: Mapping[str, Measured]
    also: tuple[str, ...] = ()

    def packed(self) -> Packed:
        """What its charts show.

        Raises:
            GalleryError: It asks for what its captures do not have.
        """
        return views.pack(self.exhibit, self.capture, self.others, self.measured)

    def figures(self) -> Figures:
        """Its views, drawn.

        Raises:
            GalleryError: It asks for what its captures do not have, or what no view can show.
        """
        return views.figures(self.exhibit, self.packed(), self.also)

    def own_views(self, packed: Packed) -> tuple[str, ...]:
        """Names of the views that its own page shows, of those that are drawn.

        Args:
            packed: What `packed` made.
        """
        return views.of(self.exhibit, max(packed.n_queries, packed.n_keys))

    @property
    def key(self) -> str:
        """SHA-256 of all that decides its figures, 64 hex digits."""
        # By their numbers, not by their keys: those of one key differ from device to device.
        digest = hashlib.sha256(f"{_code()} {_texts(language.current())}".encode())
        _add(digest, self)
        return digest.hexdigest()


def draw(
    exhibits: Iterable[Gathered],
    n_exhibits: int,
    folder: Path,
    n_processes: int = 1,
    then: Then | None = None,
) -> Iterator[tuple[Gathered, Figures | GalleryError]]:
    """Draw exhibits, in their order.

    Args:
        exhibits: What is to be drawn; taken one by one, a few ahead.
        n_exhibits: How many there are.
        folder: Where drawings are kept; one that cannot be written is done without.
        n_processes: How many draw at a time.
        then: What else a process does with what it has drawn, such as to put pictures of it into a
            cache. Not called where this process draws, nor for what was drawn before.

    Yields:
        Each with its figures, or with why it has none.
    """
    with _Pool(n_processes if n_exhibits > _FEW else 1, then) as pool:
        drawing: deque[tuple[Gathered, Path | None, Future[Figures]]] = deque()

        def first() -> tuple[Gathered, Figures | GalleryError]:
            gathered, file, future = drawing.popleft()
            try:
                figures = pool.result(future, gathered)
            except GalleryError as fault:
                return gathered, fault
            if file:
                _keep(file, figures)
            return gathered, figures

        for gathered in exhibits:
            file = folder / f"{gathered.key}.z"
            if figures := _found(file):
                drawing.append((gathered, None, _done(figures)))
            else:
                drawing.append((gathered, file, pool.draw(gathered)))
            if len(drawing) > 2 * pool.n_processes:
                yield first()
        while drawing:
            yield first()


class _Pool:
    """Processes that draw; they start with the first exhibit that is not drawn yet.

    Where one of them dies, or none can be started, this process draws what is left.
    """

    def __init__(self, n_processes: int, then: Then | None) -> None:
        self.n_processes = n_processes
        self._then = then
        self._others = set(multiprocessing.active_children())
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._executor is None:
            return
        if kind is not None:  # nobody waits for what is being drawn
            for process in set(multiprocessing.active_children()) - self._others:
                process.terminate()
        self._executor.shutdown(cancel_futures=True)

    def draw(self, gathered: Gathered) -> Future[Figures]:
        """Have the figures of an exhibit drawn, for `result`."""
        if self.n_processes == 1:
            return _drawn_here(gathered)
        # Not a fork: torch may have run in this process, and its threads do not survive one.
        self._executor = self._executor or ProcessPoolExecutor(
            self.n_processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_ignore_interrupts,
        )
        try:
            return self._executor.submit(_draw, gathered, language.current().code, self._then)
        except BrokenProcessPool:
            return _drawn_here(gathered)

    def result(self, future: Future[Figures], gathered: Gathered) -> Figures:
        """What `draw` has promised of an exhibit, once it is there.

        Raises:
            GalleryError: It cannot be drawn.
        """
        try:
            return future.result()
        except BrokenProcessPool:
            return gathered.figures()


def _ignore_interrupts() -> None:
    """Leave it to the process that started this one to say that all is to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _draw(gathered: Gathered, code: str, then: Then | None) -> Figures:
    with language.speaking(code):
        figures = gathered.figures()
    if then:
        own = gathered.own_views(gathered.packed())
        then(gathered.exhibit, tuple(each for each in figures if each.view in own))
    return figures


def _drawn_here(gathered: Gathered) -> Future[Figures]:
    future: Future[Figures] = Future()
    try:
        future.set_result(gathered.figures())
    except GalleryError as fault:
        future.set_exception(fault)
    return future


def _done(figures: Figures) -> Future[Figures]:
    future: Future[Figures] = Future()
    future.set_result(figures)
    return future


def _found(file: Path) -> Figures | None:
    content = cache.found(file)
    if content is None:
        return None
    documents = json.loads(zlib.decompress(content))
    return tuple(Figure(**{**each, "table": _table(each["table"])}) for each in documents)


def _keep(file: Path, figures: Figures) -> None:
    text = json.dumps([dataclasses.asdict(figure) for figure in figures], ensure_ascii=False)
    cache.keep(file, zlib.compress(text.encode(), level=3))


def _table(document: Mapping[str, Any]) -> Table:
    rows = tuple(tuple(row) for row in document["rows"])
    return Table(document["caption"], tuple(document["columns"]), rows)


def _add(digest: hashlib._Hash, value: object) -> None:
    """Add whatever a figure is made of to a digest, so that no two values look the same in it."""
    match value:
        case np.ndarray():
            digest.update(f"{value.dtype.str}{value.shape}".encode())
            digest.update(np.ascontiguousarray(value).data)
        case Layers():
            _add(digest, value.codes)
        case bytes():
            digest.update(b"%d:" % len(value) + value)
        case Mapping():
            digest.update(b"{%d:" % len(value))
            for key in sorted(value, key=str):
                _add(digest, key)
                _add(digest, value[key])
        case list() | tuple():
            digest.update(b"[%d:" % len(value))
            for each in value:
                _add(digest, each)
        case _ if dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                if field.name not in _UNSEEN:
                    digest.update(f"{field.name}=".encode())
                    _add(digest, getattr(value, field.name))
        case str() | int() | float() | None:
            digest.update(f"{type(value).__name__}{value!r},".encode())
        case _:
            raise TypeError(f"{type(value)} decides a figure in a way that is not known")


@functools.cache
def _texts(catalog: language.Catalog) -> str:
    return digest_of([catalog.code, dict(catalog.messages)])


@functools.cache
def _code() -> str:
    """SHA-256 of what draws: this package, and those it draws with."""
    package = Path(__file__).parent
    files = sorted(package.rglob("*.py"))
    libraries = ("altair", "numpy", "pillow", "vl-convert-python")
    return digest_of(
        [
            [version(name) for name in libraries],
            [[file.relative_to(package).as_posix(), digest_file(file)] for file in files],
        ]
    )


def n_cores() -> int:
    """How many processes draw where nothing else is to be done: one a core, up to a few."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores or 1, _MOST)
