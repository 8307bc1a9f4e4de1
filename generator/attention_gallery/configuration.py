"""MkDocs' configuration: the author's own, or a plain one for manifests that stand alone."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import MkDocsException

from attention_gallery import resources
from attention_gallery.errors import InputError, printable
from attention_gallery.mkdocs_plugin import AttentionGalleryPlugin

PLUGIN = "attention-gallery"
DEFAULT = Path("mkdocs.yml")
USUAL = ("galleries/*.yml", "gallery.yml")
"""Where manifests are looked for when nobody says."""


@contextmanager
def configuration(
    manifests: tuple[Path, ...],
    config_file: Path | None,
    site_dir: Path | None = None,
    *,
    example: bool = False,
    strict: bool = False,
) -> Iterator[MkDocsConfig]:
    """MkDocs' configuration: the author's file, or a plain one made here.

    Manifests named on the command line take the place of those in the file.

    Args:
        manifests: Named on the command line.
        config_file: The author's; None for `DEFAULT`, which need not exist.
        site_dir: Where the site goes, when not where the file says.
        example: Whether to take the gallery that comes with the package.
        strict: Whether MkDocs' warnings are errors.

    Yields:
        The configuration; the files it names exist as long as the block runs.

    Raises:
        InputError: There is no manifest, or the file is not right.
    """
    options: dict[str, object] = {"strict": strict} if strict else {}
    if site_dir is not None:
        options["site_dir"] = str(site_dir.resolve())
    if config_file is None and DEFAULT.is_file():
        config_file = DEFAULT
    named = [path.absolute() for path in manifests]
    with tempfile.TemporaryDirectory() as folder:
        if example or config_file is None:
            named = sorted(resources.galleries().glob("*.yml")) if example else named or _usual()
            config_file = _plain_configuration(Path(folder), named, example)
        AttentionGalleryPlugin.named = tuple(named)
        try:
            yield _load(config_file, options)
        finally:
            AttentionGalleryPlugin.named = ()


def _load(file: Path, options: dict[str, object]) -> MkDocsConfig:
    try:
        return load_config(str(file), **options)  # type: ignore[arg-type]
    except MkDocsException as error:
        raise InputError(f"{file}: {error}") from None


def _usual() -> list[Path]:
    here = Path.cwd()
    if found := sorted(path for pattern in USUAL for path in here.glob(pattern)):
        return found
    raise InputError(
        f"no manifest in {here}",
        hint=f"write one of {', '.join(USUAL)}, name a manifest, "
        "or try `attention-gallery build --example`",
    )


def _plain_configuration(folder: Path, manifests: list[Path], example: bool) -> Path:
    here = Path.cwd()
    if example:
        name, docs = "Attention Gallery", resources.galleries()
    else:
        name, docs = printable(manifests[0].stem.replace("-", " ")), folder / "docs"
        docs.mkdir()
    config = {
        "site_name": name,
        "docs_dir": str(docs),
        "site_dir": str(here / "site"),
        "exclude_docs": "/specimens/\n/optional/\n/scenes/\n*.yml\n",
        # A link to a folder opens a listing, not its index.html, from a USB stick.
        "use_directory_urls": False,
        "theme": {"name": PLUGIN},
        "plugins": ["search", {PLUGIN: {"store": str(here / ".attention")}}],
    }
    file = folder / "mkdocs.yml"
    file.write_text(json.dumps(config), "utf-8")  # JSON is YAML
    return file


def plugin_of(config: MkDocsConfig) -> AttentionGalleryPlugin:
    """The plugin as the configuration has it.

    Raises:
        InputError: The configuration does not use it.
    """
    plugin = config.plugins.get(PLUGIN)
    if not isinstance(plugin, AttentionGalleryPlugin):
        raise InputError(
            f"{config.config_file_path} does not use this plugin",
            hint=f"add `- {PLUGIN}` under `plugins:`",
        )
    return plugin
