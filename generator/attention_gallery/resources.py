"""Where the templates and specimens are: inside a wheel, or beside the package in a checkout."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def _folder(name: str) -> Path:
    """The wheel carries these folders inside the package; a checkout has them at its top."""
    packed = _PACKAGE / name
    return packed if packed.is_dir() else _CHECKOUT / name


def templates() -> Path:
    """The folder `site_templates`."""
    return _folder("site_templates")


def galleries() -> Path:
    """The folder of the example gallery, with the specimens below it."""
    return _folder("galleries")


def specimens() -> dict[str, Path]:
    """Folder of each specimen by name: its path below the folder of all specimens.

    A specimen may hold others, such as its checkpoints: ``story/step-0100``.
    """
    root = galleries() / "specimens"
    folders = (path.parent for path in root.rglob("config.json"))
    return {folder.relative_to(root).as_posix(): folder for folder in sorted(folders)}


def view_names() -> tuple[str, ...]:
    """Names of all views, sorted: modules and packages in `views`, found without importing them."""
    return tuple(
        sorted(
            path.stem
            for path in (_PACKAGE / "views").glob("[!_]*")
            if path.suffix == ".py" or (path / "__init__.py").is_file()
        )
    )


def measure_names() -> tuple[str, ...]:
    """Names of all measures, sorted: modules in `measures`, found without importing them."""
    return tuple(
        sorted(path.stem.replace("_", "-") for path in (_PACKAGE / "measures").glob("[!_]*.py"))
    )


# MkDocs finds a theme as "the folder of this entry point's __file__". Ours lies in site_templates,
# which is not a package, so the entry point is an object that points there.
THEME = SimpleNamespace(__file__=str(templates() / "theme" / "mkdocs_theme.yml"))
