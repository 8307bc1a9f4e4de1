"""How a site gets to the branch that GitHub Pages serves: by MkDocs' own `gh-deploy`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mkdocs
from mkdocs.commands.gh_deploy import gh_deploy
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import MkDocsException

from attention_gallery import git
from attention_gallery.errors import GalleryError, InputError, listing, printable, quoted

MESSAGE = "Publish {sha} with MkDocs {version}"

_GITHUB = re.compile(r"github\.com[:/](?P<owner>[^/]+)/(?P<name>[^/]+?)(\.git)?/?$")


class DeploymentError(GalleryError):
    """The site was built, and did not get to where readers would find it."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where a site is to go.

    Attributes:
        remote: Name of the remote repository.
        place: Its address, without what it may hold of a password.
        branch: The branch that is served.
        message: Of the commit.
        address: Where readers will find the site; empty where that is not known.
    """

    remote: str
    place: str
    branch: str
    message: str
    address: str


def plan_deployment(
    config: MkDocsConfig, *, remote: str = "", branch: str = "", message: str = ""
) -> Deployment:
    """See where a site is to go, before anything that takes long.

    Args:
        config: MkDocs' configuration, which says what is not said here.
        remote: Name of the remote repository.
        branch: The branch that is served.
        message: Of the commit; ``{sha}`` and ``{version}`` stand for the commit that is checked out
            and the version of MkDocs.

    Raises:
        InputError: There is no repository, no such remote, or something to lose.
    """
    remote, branch = remote or config.remote_name, branch or config.remote_branch
    if _git("rev-parse", "--is-inside-work-tree") != "true":
        raise InputError(
            f"{Path.cwd()} is not in a git repository",
            hint="run `git init`, commit, and add a remote to push to",
        )
    url = _git("remote", "get-url", "--push", "--", remote)
    if not url:
        remotes = _git("remote").split()
        raise InputError(
            f"there is no remote {quoted(remote)}",
            hint=listing(remotes, "remotes")
            if remotes
            else f"add one: `git remote add {printable(remote)} https://github.com/YOU/REPOSITORY`",
        )
    if _git("check-ref-format", "--branch", branch) != branch:
        raise InputError(f"{quoted(branch)} cannot be the name of a branch")
    if _git("symbolic-ref", "--short", "HEAD") == branch:
        raise InputError(
            f"the branch {branch} is checked out, and the site would take the place of your files",
            hint="publish from another branch, or name another by --remote-branch",
        )
    if not _git("var", "GIT_COMMITTER_IDENT"):
        raise InputError(
            "git does not know who you are",
            hint="run `git config user.name NAME` and `git config user.email ADDRESS`",
        )
    place = re.sub(r"(?<=://)[^/@]*@", "", url)
    return Deployment(
        remote, place, branch, _message(message), config.site_url or _github_address(place)
    )


def _message(pattern: str) -> str:
    sha = _git("rev-parse", "--short", "HEAD") or "a first version"
    try:
        return (pattern or MESSAGE).format(sha=sha, version=mkdocs.__version__)
    except (LookupError, ValueError, AttributeError):
        raise InputError(
            f"{quoted(pattern)} cannot be filled in",
            hint="{sha} and {version} are known; write any other brace twice",
        ) from None


def _github_address(place: str) -> str:
    """Where GitHub serves the pages of a repository, as long as nobody gave them a domain."""
    if not (match := _GITHUB.search(place)):
        return ""
    home = f"{match['owner']}.github.io".lower()
    return (
        f"https://{home}/" if match["name"].lower() == home else f"https://{home}/{match['name']}/"
    )


def uncommitted(folder: Path) -> int:
    """How many captures in a folder are not committed; none where git is told to ignore them."""
    changed = _git("status", "--porcelain", "--untracked-files=all", "--", str(folder))
    return sum(line.rstrip('"').endswith(".npz") for line in changed.splitlines())


def deploy(
    config: MkDocsConfig, deployment: Deployment, *, force: bool = False, no_history: bool = False
) -> None:
    """Commit the built site to its branch, and push that.

    Args:
        config: Says where the site is.
        deployment: Where it is to go.
        force: Whether what is there is replaced, whoever put it there.
        no_history: Whether the branch is to hold this commit alone.

    Raises:
        DeploymentError: It could not be pushed.
    """
    config.remote_name, config.remote_branch = deployment.remote, deployment.branch
    message = deployment.message.replace("{", "{{").replace("}", "}}")  # gh_deploy fills it in
    remote = printable(deployment.remote)
    ref = f"refs/heads/{deployment.branch}"
    try:
        with _put_back(ref):
            if no_history:  # gh_deploy forgets what was pushed, and not what could not be
                _git("update-ref", "-d", ref)
            gh_deploy(config, message, force=force, no_history=no_history, ignore_version=True)
    except (MkDocsException, subprocess.CalledProcessError):
        raise DeploymentError(
            f"git could not push {deployment.branch} to {deployment.place}",
            hint=f"if somebody else has published, run `git fetch {remote}` and try again; "
            "git's own words are above",
        ) from None


@contextmanager
def _put_back(ref: str) -> Iterator[None]:
    """A branch is as it was before if what is done here fails, or is interrupted."""
    before = _git("rev-parse", "--verify", "--quiet", ref)
    try:
        yield
    except BaseException:
        if before:
            _git("update-ref", ref, before)
        raise


def _git(*arguments: str) -> str:
    """What git answers in the working directory; nothing where it fails.

    Raises:
        InputError: There is no git.
    """
    try:
        return git.answer(*arguments)
    except OSError:
        raise InputError(
            "publishing needs git", hint="install it, and see `git --version`"
        ) from None
