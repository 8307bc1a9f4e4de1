"""BibTeX entries, and plain text as LaTeX has it."""

from __future__ import annotations

import dataclasses
import re

import pytest

from attention_gallery.citation import bibtex, latex
from attention_gallery.terms import Imprint, Model
from attentions import HOSTILE, attention, capture, exhibit

MADE = capture(attention()).provenance


def test_an_entry_names_the_page_its_author_and_what_made_the_numbers() -> None:
    imprint = Imprint(site_name="Reading attention", author="Ada Lovelace and Byron, Inc.")
    assert bibtex(exhibit(), MADE, imprint, "https://example.org/a_b/fox/") == (
        "@misc{reading-attention-fox,\n"
        "  author = {{Ada Lovelace and Byron, Inc.}},\n"
        "  title = {{The fox}},\n"
        "  year = {2026},\n"
        "  howpublished = {Reading attention},\n"
        "  url = {https://example.org/a_b/fox/},\n"
        "  note = {Attention of specimen:none, SHA-256 of its files 0123abc, "
        "captured on 2026-01-02},\n"
        "}"
    )


def test_of_a_model_of_the_hub_its_commit_is_named() -> None:
    model = Model("gpt2", "a/gpt2", "hub", "a/gpt2", MADE.commit)
    entry = bibtex(dataclasses.replace(exhibit(), model=model), MADE, Imprint(), "")
    assert "{Attention of a/gpt2, commit 0123abc, captured on 2026-01-02}" in entry


def test_what_is_not_known_is_left_out() -> None:
    entry = bibtex(exhibit(), MADE, Imprint(), "")
    assert entry.startswith("@misc{attention-fox,\n  title = ")
    assert not re.search("author|howpublished|url", entry)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("50% of A&B_C #1 $2", r"50\% of A\&B\_C \#1 \$2"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("a~b^c", r"a\textasciitilde{}b\textasciicircum{}c"),
        ("<|end|>", r"\textless{}\textbar{}end\textbar{}\textgreater{}"),
        ("“noir” – ça", r"``noir'' -- {\c{c}}a"),
        ("Müller, Ångström, Čapek", r"M{\"{u}}ller, {\r{A}}ngstr{\"{o}}m, {\v{C}}apek"),
        ("u\u0308", r"{\"{u}}"),
        ("Straße", r"Stra{\ss}e"),
        ("ध्यान 注意 한국", "ध्यान 注意 한국"),
        ("a\n\n  b\tc", "a b c"),
        ("x\u202egnp.exe\u200b\ufeff", "xgnp.exe"),
        ("क्‍ष", "क्‍ष"),  # the joiner belongs to the letters
    ],
)
def test_text_is_printed_as_it_is(text: str, said: str) -> None:
    assert latex(text) == said


def test_nothing_hostile_ends_a_field() -> None:
    for text in (*HOSTILE, "}} , year = {1", "\\end{document}", "{" * 50, "%" * 9):
        shown = exhibit(title=text)
        shown = dataclasses.replace(shown, model=dataclasses.replace(shown.model, source=text))
        imprint = Imprint(site_name=text, author=text)
        entry = bibtex(shown, MADE, imprint, f"https://example.org/{text}")
        fields = re.findall(r"^  (\w+) = \{(.*)\},$", entry, re.MULTILINE)
        names = [name for name, _ in fields]
        assert names == ["author", "title", "year", "howpublished", "url", "note"]
        for _, value in fields:
            bare = re.sub(r"\\[{}]", "", value)
            depths = [bare[:i].count("{") - bare[:i].count("}") for i in range(len(bare) + 1)]
            assert min(depths) == depths[-1] == 0
