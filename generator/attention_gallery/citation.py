"""How a page is cited: a BibTeX entry that survives LaTeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from attention_gallery.language import _
from attention_gallery.manifest.values import slug
from attention_gallery.templates import one_line
from attention_gallery.terms import Exhibit, Imprint, Provenance

_SPECIAL: Mapping[str, str] = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%",
    "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "\u00a0": "~", "“": "``", "”": "''", "‘": "`", "’": "'", "–": "--", "—": "---",
    "…": r"\ldots{}", "ß": r"{\ss}", "ø": r"{\o}", "Ø": r"{\O}", "æ": r"{\ae}", "Æ": r"{\AE}",
    "œ": r"{\oe}", "Œ": r"{\OE}", "ł": r"{\l}", "Ł": r"{\L}", "ı": r"{\i}",
}  # fmt: skip
_ACCENTS: Mapping[str, str] = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u",
    "\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
    "\u0328": "k",
}  # fmt: skip
# Joiners belong to the spelling of some scripts; other signs without a shape only play tricks.
_JOINERS = "\u200c\u200d"


def bibtex(exhibit: Exhibit, provenance: Provenance, imprint: Imprint, url: str) -> str:
    """The entry of an exhibit's page.

    Args:
        exhibit: The exhibit.
        provenance: What made its capture.
        imprint: What is known of the publication.
        url: The address of the page; empty where it has none yet.
    """
    site = slug(imprint.site_name)[:40] or "attention"
    made = _("Attention of {model}, SHA-256 of its files {commit}, captured on {date}")
    if exhibit.model.has_commit:
        made = _("Attention of {model}, commit {commit}, captured on {date}")
    made = made.format(model=exhibit.model.source, commit=provenance.commit, date=provenance.date)
    fields = {
        # Inner braces: a name is the site's own, and a title keeps its capitals.
        "author": f"{{{latex(imprint.author)}}}" if imprint.author else "",
        "title": f"{{{latex(exhibit.title)}}}",
        "year": provenance.date[:4],
        "howpublished": latex(imprint.site_name),
        "url": percent_encoded(url),
        "note": latex(made),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{site}-{exhibit.id},", *lines, "}"])


def latex(text: str) -> str:
    """Plain text that LaTeX prints as it is.

    Latin letters with accents become commands, which all of BibTeX reads; other scripts stay, for
    which one needs an engine that knows them anyway.
    """
    plain = unicodedata.normalize("NFC", one_line(text))
    return "".join(_character(each) for each in plain if _has_shape(each))


def _has_shape(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in ("Cc", "Cf", "Cs")


def _character(character: str) -> str:
    if found := _SPECIAL.get(character):
        return found
    apart = unicodedata.normalize("NFD", character)
    letter, marks = apart[0], apart[1:]
    if not marks or not letter.isascii() or any(mark not in _ACCENTS for mark in marks):
        return character
    for mark in marks:
        command = _ACCENTS[mark]
        letter = f"\\{command}{{{letter}}}"
    return f"{{{letter}}}"


def percent_encoded(address: str) -> str:
    """An address without the signs that would end a field of BibTeX, or have none in it."""
    return re.sub(
        r"[^!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]",
        lambda sign: "".join(f"%{byte:02X}" for byte in sign[0].encode()),
        address,
    )
