"""The folder of an export, which may be shared with an author: what in it is whose.

A record lies beside the files with the digests of those that exports wrote. Only these are ever
replaced or removed, and only while their bytes are as they were written.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeAlias

from attention_gallery.errors import InputError, SiteError, listing

RECORD = ".attention-gallery.json"
"""The name of the record."""

Record: TypeAlias = Mapping[str, Set[str]]
"""Digests by path: a file is an export's own while it has one of its path's."""


@dataclass(frozen=True, slots=True)
class Change:
    """What came of putting files into a folder.

    Attributes:
        written: How many are new, or have other bytes than before.
        removed: How many of the export before this one are gone.
    """

    written: int
    removed: int


def check_apart(folder: Path, docs: Path) -> None:
    """See that an export does not go where the author's own pages are.

    Raises:
        InputError: The folder is that of the pages, lies in it, or holds it.
    """
    target, source = _resolved(folder), _resolved(docs)
    if target == source:
        relation = "is"
    elif target.is_relative_to(source):
        relation = "lies in"
    elif source.is_relative_to(target):
        relation = "holds"
    else:
        return
    raise InputError(
        f"cannot export to {folder}: it {relation} the folder of your own pages, {docs}",
        hint="choose a folder beside it, or one of another project",
    )


def is_place(path: str) -> bool:
    """Whether a path names a place for a file below any folder, on any system."""
    readings = (PurePosixPath(path), PureWindowsPath(path))
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return (
        "\0" not in path
        and path not in ("", ".", RECORD)
        and not any(reading.anchor or ".." in reading.parts for reading in readings)
    )


def put(contents: Mapping[str, bytes], folder: Path) -> Change:
    """Write files into a folder, and remove those of the last export that are not among them.

    What an author has put there with the very bytes stays the author's. Should writing end half
    way, the record knows what was there before and what was to come, so that it can be repeated.

    Args:
        contents: What is to be there, by path.
        folder: Made where it is not there.

    Raises:
        SiteError: A file that no export wrote, or that was edited since, is in the way, or a link
            leads out of the folder: nothing has been written then. Or the folder cannot be written.
    """
    digests = {path: _sha256(content) for path, content in contents.items()}
    try:
        before = _record(folder)
        paths = list(dict.fromkeys((*contents, *before, *_in_the_way(contents, folder))))
        _check_inside(folder, paths)
        found = {path: _found(folder / path) for path in paths}
        _check_free(folder, found, before, digests)
        changed = [path for path in contents if found[path] != digests[path]]
        stale = [path for path in paths if path not in contents and found[path] is not None]
        known = {path for path in contents if found[path] in before.get(path, ())}
        own = known.union(changed)
        after = {path: {digests[path]} for path in own}
        both = {path: after.get(path, set()) | before.get(path, set()) for path in own.union(stale)}
        folder.mkdir(parents=True, exist_ok=True)
        _write_record(both, folder)
        for path in stale:
            (folder / path).unlink()
        for path in changed:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(contents[path], target)
        _write_record(after, folder)
    except OSError as error:
        raise SiteError(f"cannot write to {folder}: {error.strerror}") from error
    return Change(written=len(changed), removed=len(stale))


def _record(folder: Path) -> Record:
    """What exports wrote; of a record that was damaged, nothing."""
    try:
        entries = json.loads((folder / RECORD).read_text("utf-8"))["files"].items()
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    # The record may come from anyone: no path in it may lead out of the folder.
    return {
        path: {digest for digest in digests if isinstance(digest, str)}
        for path, digests in entries
        if is_place(path) and isinstance(digests, list)
    }


def _write_record(record: Record, folder: Path) -> None:
    files = {path: sorted(digests) for path, digests in sorted(record.items())}
    text = json.dumps({"files": files}, indent=1, ensure_ascii=False)
    _write(f"{text}\n".encode(), folder / RECORD)


def _write(content: bytes, target: Path) -> None:
    """Write a file whole or not at all."""
    draft = target.with_name(f".attention-gallery.{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as file:
            file.write(content)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _in_the_way(paths: Iterable[str], folder: Path) -> list[str]:
    """Files where folders have to be."""
    parents = {parent for path in paths for parent in PurePosixPath(path).parents}
    return sorted(str(parent) for parent in parents if (folder / parent).is_file())


def _check_inside(folder: Path, paths: Iterable[str]) -> None:
    """See that no link below a folder leads to another.

    Raises:
        SiteError: When one does.
    """
    root = _resolved(folder)
    parents = dict.fromkeys((folder / path).parent for path in paths)
    if out := [parent for parent in parents if not _resolved(parent).is_relative_to(root)]:
        places = (parent.relative_to(folder).as_posix() for parent in out)
        raise SiteError(
            listing(places, f"links in {folder} lead out of it"),
            hint="choose another folder, or remove them",
        )


def _check_free(
    folder: Path,
    found: Mapping[str, str | None],
    before: Record,
    digests: Mapping[str, str],
) -> None:
    """See that all that would be replaced or removed is an export's own, as it was written.

    Raises:
        SiteError: When some of it is not.
    """
    foreign: list[str] = []
    edited: list[str] = []
    for path, digest in found.items():
        if digest is None or digest == digests.get(path) or digest in before.get(path, ()):
            continue
        (edited if path in before else foreign).append(path)
    if foreign:
        raise SiteError(
            listing(foreign, f"{folder} holds files that no export has written"),
            hint="choose another folder, or move them",
        )
    if edited:
        raise SiteError(
            listing(edited, f"files in {folder} were edited since they were exported"),
            hint="move them, or remove them to have them written anew",
        )


def _found(place: Path) -> str | None:
    """The digest of what is in a place, None of nothing, and an empty one of what is no file.

    An export writes neither links nor folders in the place of a file, so these are an author's.
    """
    if place.is_file() and not place.is_symlink():
        return _sha256(place.read_bytes())
    return "" if place.exists() or place.is_symlink() else None


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))  # unlike `Path.resolve`, it bears links that go in circles


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
