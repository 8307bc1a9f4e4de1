"""Attention in a notebook: of a model in memory, as Altair charts.

    from attention_gallery.notebook import capture

    shown = capture(model, tokenizer, "The quick brown fox")
    shown                    # the whole exhibit, in Jupyter, marimo or Colab
    shown.heatmap()          # one view of it, an Altair chart
    shown.save("fox.html")   # one file that needs nothing else

What happens in between is what happens to an exhibit of a site: the same captures, the same charts.
"""

from __future__ import annotations

import dataclasses
import functools
import html
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from attention_gallery import build, resources, site, views
from attention_gallery.drawings import Gathered
from attention_gallery.errors import InputError, choices, listing, quoted
from attention_gallery.manifest.lone import lone_exhibit
from attention_gallery.manifest.values import made_showable
from attention_gallery.store import Store
from attention_gallery.terms import Attention, AttentionKind, Head, Model

if TYPE_CHECKING:
    from attention_gallery.capture import Load

_FRAME = (
    '<iframe srcdoc="{page}" title="{title}" '
    'style="width: 100%; height: 640px; border: 0"></iframe>'
)
# Otherwise a link to a state of a chart would lead to that of the notebook around it.
_ADDRESSED = '<head>\n<base href="about:srcdoc">'
# Told by the page itself, because some notebooks strip what an element would do once it is loaded.
_FITTED = """<script>
new ResizeObserver(() => {
  if (frameElement) frameElement.style.height = `${document.documentElement.offsetHeight + 20}px`;
}).observe(document.documentElement);
</script>
"""


class Chart(alt.LayerChart):
    """A view as a chart of Altair's, whose HTML file needs no network either.

    For ``save`` Altair's ``inline`` is true here, unless it is said to be false: the scripts that
    draw the chart go into the file, of 1 MB, instead of being loaded from another host.
    """

    def save(self, *args: Any, **options: Any) -> None:
        """Write the chart, as HTML, SVG, PNG, PDF or JSON: see Altair's ``Chart.save``."""
        with warnings.catch_warnings():  # what is no HTML has nothing to put into it
            warnings.filterwarnings("ignore", "inline argument ignored")
            super().save(*args, **{"inline": True, **options})


class Shown:
    """What a model did with a text: its weights, and the charts that show them.

    Each view that can be drawn is also a method, such as ``shown.edges()``.
    """

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered

    @property
    def attention(self) -> Attention:
        """All that was captured of the kind of attention that is shown."""
        held = self._gathered
        return held.capture.attentions[held.exhibit.attention or held.capture.natural]

    @property
    def weights(self) -> list[NDArray[np.float32]]:
        """Attention after softmax, of each layer float32 ``[head, query, key]``.

        They are off by at most 0.00002: captures hold sixteen bits of each.
        """
        return list(self.attention.layers)

    @property
    def tokens(self) -> list[str]:
        """What the rows of the maps are: the tokens that look."""
        return [token.text for token in self.attention.queries]

    @property
    def keys(self) -> list[str]:
        """What their columns are: the tokens that are looked at."""
        return [token.text for token in self.attention.keys]

    @property
    def measured(self) -> dict[str, Mapping[str, NDArray[Any]]]:
        """What measures found, by their names: arrays by name, as the docs on measures say."""
        return {name: found.arrays for name, found in self._gathered.measured.items()}

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the views that can be drawn."""
        held = self._gathered
        return views.drawable(held.exhibit, self.attention, held.measured)

    def view(self, name: str, *, heads: Sequence[str | Head] | None = None) -> Chart:
        """Draw a view.

        Args:
            name: One of `views`.
            heads: The heads it holds, such as ``["L1H3"]``; by default those of `capture`.

        Raises:
            InputError: There is no such view or head, or it needs what was not captured.
        """
        exhibit = self._gathered.exhibit
        if name not in self.views:
            raise self._missing(name)
        if heads is not None:
            exhibit = dataclasses.replace(exhibit, heads=tuple(map(_head, heads)))
        packed = dataclasses.replace(self._gathered, exhibit=exhibit).packed()
        return _chart(views.document(exhibit, packed, name))

    def _missing(self, name: str) -> InputError:
        if name not in resources.view_names():
            return InputError(f"there is no view {quoted(name)}", hint=choices(name, self.views))
        if name in views.fitting(self._gathered.exhibit):
            hint = f"name it beforehand: capture(..., views=[{name!r}])"
            return InputError(f"the view {name} needs more than was captured", hint=hint)
        hint = listing(self.views, "views that can")
        return InputError(f"the view {name} cannot show this", hint=hint)

    def html(self) -> str:
        """The whole exhibit as one HTML page, which needs no other file and no network."""
        return build.lone_file(self._gathered, _vega())

    def save(self, file: str | Path) -> Path:
        """Write that page.

        Args:
            file: Where to, ending in ``.html``. A picture is made of one view:
                ``shown.view("edges").save("fox.pdf")``.

        Raises:
            InputError: It cannot be written there, or the name says that it is something else.
        """
        file = Path(file)
        if file.suffix.lower() not in (".html", ".htm"):
            raise InputError(
                f"{quoted(file.name)} would be an HTML page by another name",
                hint=f"write {file.stem}.html; a picture is saved of one view, as in "
                f'.view("{self.views[0]}").save("{file.stem}.pdf")',
            )
        try:
            file.write_text(self.html(), "utf-8")
        except OSError as error:
            raise InputError(f"cannot write {file}: {error.strerror}") from error
        return file

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in resources.view_names():
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return partial(self.view, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.views]

    def __repr__(self) -> str:
        attention = self.attention
        heads = sum(attention.n_heads)
        size = f"{len(attention.queries)} x {len(attention.keys)} tokens"
        return (
            f"{self._gathered.exhibit.title}: {attention.kind} attention of {heads} heads in "
            f"{attention.n_layers} layers, {size}; {listing(self.views, 'views')}"
        )

    def _repr_html_(self) -> str:
        body, _, end = self.html().rpartition("</body>")  # scripts inside may hold the word, too
        page = f"{body}{_FITTED}</body>{end}".replace("<head>", _ADDRESSED, 1)
        title = html.escape(self._gathered.exhibit.title)
        return _FRAME.format(page=html.escape(page), title=title)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def capture(
    model: object,
    tokenizer: object = None,
    text: str = "",
    *,
    pair: str = "",
    target: str = "",
    image: str | Path = "",
    audio: str | Path = "",
    attention: AttentionKind | None = None,
    heads: Sequence[str | Head] | Mapping[str, Any] | str = "all",
    views: Sequence[str] = (),
    measures: Sequence[str] = (),
    ask: Mapping[str, Any] | None = None,
) -> Shown:
    """See where a model looks while it reads a text.

    A model in memory is left as it was: on its device, in its data type, in training or not.

    Args:
        model: A model of transformers in memory, a ``PreTrainedModel``; or a source as in a
            manifest, such as ``specimen:story``, a folder, or a hub id, which is then loaded.
        tokenizer: The model's own, a ``PreTrainedTokenizerBase``; None beside a source.
        text: What the model reads.
        pair: A second text that it reads together with the first.
        target: What the decoder of an encoder-decoder is fed; by default what the model writes.
        image: For the source of a model that sees: an image file.
        audio: For the source of a model that hears: a WAV file.
        attention: Which attention, where there are more; by default the one a manifest has.
        heads: The heads that charts hold: all, a list such as ``["L1H3"]``, or a rule such as
            ``{"pattern": "induction", "top": 3}``.
        views: Names of views, for those that need more than weights; by default all others.
        measures: Names of measures that are shown besides weights.
        ask: What measures ask of the model's answer, such as
            ``{"word": "she", "rather_than": "he"}``.

    Raises:
        GalleryError: The model or the text cannot be captured, or one of the others is wrong.
    """
    asked: dict[str, Any] = {"heads": heads, "measures": _several(measures)}
    asked |= {"views": _several(views)} if views else {}
    asked |= {"ask": dict(ask)} if ask else {}
    with tempfile.TemporaryDirectory() as folder, _source(model, tokenizer) as (source, load):
        exhibit = lone_exhibit(
            source,
            text,
            pair=pair,
            target=target,
            image=str(image),
            audio=str(audio),
            attention=attention,
            **asked,
        )
        gathered = build.gather(exhibit, Store(Path(folder)), load=load)
    gathered.packed()  # what cannot be shown is told at once
    return Shown(gathered)


def _several(names: Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


@contextmanager
def _source(model: object, tokenizer: object) -> Iterator[tuple[str | Model, Load | None]]:
    """The model of an exhibit, and what hands it over where it is in memory.

    Raises:
        GalleryError: It is none.
    """
    if isinstance(model, str):
        if tokenizer is not None:
            raise InputError(
                "the tokenizer of a source is loaded with it",
                hint=f"write capture({model!r}, None, text), or hand over the model itself",
            )
        yield model, None
        return
    from attention_gallery.capture.libraries import require_libraries
    from attention_gallery.capture.model.handed import handed

    require_libraries()
    name, commit = _named(model)
    with handed(model, tokenizer, name, commit) as load:
        yield Model(name, name, "memory", "", commit), load


def _named(model: Any) -> tuple[str, str]:
    """What a model calls itself, and the commit it was loaded from, as far as it tells."""
    name = str(getattr(model, "name_or_path", "") or "")
    if Path(name).is_absolute() or Path(name).is_dir():
        name = Path(name).name  # whoever gets the page has no use for a path of this machine
    commit = getattr(getattr(model, "config", None), "_commit_hash", None)
    return made_showable(name) or type(model).__name__, commit or ""


def _head(name: str | Head) -> Head:
    try:
        return Head.parse(str(name))
    except ValueError:
        hint = "write L5H1 for head 1 of layer 5, both counted from 0"
        raise InputError(f"{quoted(str(name))} is not a head", hint=hint) from None


def _chart(document: Mapping[str, Any]) -> Chart:
    """A Vega-Lite document as Altair has it; it is ours, so nothing of it is checked again."""
    config = {**document["config"], "background": "transparent"}  # Altair's types know no null
    # As SVG, text takes the colour of the page around it.
    meta = {**document.get("usermeta", {}), "embedOptions": {"renderer": "svg"}}
    whole = {**document, "config": config, "usermeta": meta}
    return Chart.from_dict(whole, validate=False)


@functools.cache
def _vega() -> str:
    with tempfile.TemporaryDirectory() as folder:
        return site.vega_bundle(Path(folder))
