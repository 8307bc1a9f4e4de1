"""What MkDocs' configuration tells of the publication that exhibits are part of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attention_gallery.terms import Download, Imprint

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

# Where each shows a line of a file, below the address of a repository. There readers see what is
# said before they change it, and need not be logged in.
_HOSTS = {
    "github.com": "blob/{branch}/{path}#L{line}",
    "gitlab.com": "-/blob/{branch}/{path}#L{line}",
    "codeberg.org": "src/branch/{branch}/{path}#L{line}",
}
# What stands for the branch that a repository shows first. Codeberg's software has no word for it.
_DEFAULT_BRANCH = {"codeberg.org": "main"}
# MkDocs writes this itself where the author wrote nothing, whatever the branch is called.
_NOT_STATED = "edit/master/docs/"
_BRANCH = re.compile(r"(?:edit|blob|src|raw|tree|_edit)/(?:branch/)?(?P<branch>[^/{}?#]+)/")


def read_imprint(config: MkDocsConfig, downloads: Sequence[Download]) -> Imprint:
    """What there is to know of the publication.

    Args:
        config: MkDocs' configuration, validated.
        downloads: What each chart is also written as.
    """
    folder = Path(config.config_file_path or ".").resolve().parent
    root = _repository(folder)
    edit_url = _edit_url(config.repo_url or "", _written(config))
    return Imprint(
        site_name=config.site_name,
        author=config.site_author or "",
        description=config.site_description or "",
        url=config.site_url or "",
        repo_url=config.repo_url or "",
        edit_url=edit_url if root else "",
        root=str(root or ""),
        downloads=tuple(downloads),
        flat=not config.use_directory_urls,
    )


def _written(config: Any) -> str:
    return str(config.edit_uri_template or config.edit_uri or "")


def _edit_url(repo_url: str, edit_uri: str) -> str:
    """An address with the places ``{path}`` and ``{line}``; empty for a host that is not known."""
    host = (urlsplit(repo_url).hostname or "").removeprefix("www.")
    if host not in _HOSTS:
        return ""
    stated = None if edit_uri == _NOT_STATED else _BRANCH.search(edit_uri)
    branch = stated["branch"] if stated else _DEFAULT_BRANCH.get(host, "HEAD")
    repository = repo_url.rstrip("/").removesuffix(".git").replace("{", "%7B").replace("}", "%7D")
    return f"{repository}/{_HOSTS[host].replace('{branch}', branch)}"


def _repository(folder: Path) -> Path | None:
    """The folder of the repository that `folder` is in."""
    # In a worktree .git is a file.
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
