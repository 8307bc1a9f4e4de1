"""The page of the site that says which architectures are supported, made from a record."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from html import escape
from pathlib import Path

from architectures.record import Record
from architectures.verdict import EXCEPTIONS, SUPPORTED, Outcome, Verdict

FILE = Path(__file__).parents[2] / "galleries" / "supported-models.md"

READS = {
    "text": "Text",
    "images": "Images or videos",
    "text and images": "Text and images",
    "sound": "Sound",
    "text and sound": "Text and sound",
    "series": "Series of numbers",
    "states": "Parts of larger models, which read what others have made",
}
WAYS = {"interface": "interface", "softmax": "softmax", "both": "both"}

# What a comparison of numbers cannot say of those that are not supported.
EXPLAINED = {
    "granite_speech_encoder": "Reports its hidden states under the name of attention.",
    "granite_speech_plus_encoder": "Reports hidden states under the name of attention.",
    "groupvit": "Reports into which group it put each patch: a choice, and no attention.",
    "groupvit_vision_model": "Reports into which group it put each patch: a choice.",
    "sam": "Reports states of its mask decoder as attention; the rest is equal.",
    "sam_hq": "Reports states of its mask decoder as attention; the rest is equal.",
    "hiera": "Attends within each unit of an image, so that its attention has an axis more.",
    "longt5": "Its encoder attends within blocks of neighbouring tokens, with an axis more.",
    "prophetnet": "Its second stream, which predicts several tokens at once, has an axis more.",
    "reformer": "Sorts tokens into buckets by hashing, and takes no softmax over all keys.",
    "rwkv": "Has no attention; reports the states of its recurrence under that name.",
    "sam2_hiera_det_model": "Reports hidden states under the name of attention.",
    "sam2_vision_model": "Reports hidden states under the name of attention.",
    "slanext": "Writes a table step by step, and attends along another axis while it does.",
    "vilt": "Draws at random which patches it looks at, so that no two runs agree.",
    "vit_mae": "Draws at random which patches it looks at, so that no two runs agree.",
    "yoso": "Estimates attention by hashing, without a softmax.",
}

_HEAD = """\
# Supported models

The gallery shows the attention of models that the library [transformers] can load, and it shows the
numbers that the model computed with. This page says how that was tested and for which
architectures it holds. A program wrote it from the result of the test, on transformers
{transformers} and PyTorch {torch}.

[transformers]: https://huggingface.co/docs/transformers

**{share} % of the architectures that report their attention are supported: {n_supported} of
{n_reporting}.** In {n_equal} of them the numbers are equal to the last bit. In the others the
largest difference is {worst}, which is the rounding of 32-bit numbers.

## How it was tested

A *model type* is the name that transformers has for an architecture: `bert`, `llama`, `whisper`.
For each one that the installed version knows, a test

1. builds a model with the same kinds of layers, but few and narrow ones, and draws its weights at
   random, from a wide range, so that its heads prefer some tokens to others;
2. gives it a text, an image or a sound, or what else it takes;
3. lets it compute, and captures its attention as the gallery does;
4. asks the model itself for its attention (`output_attentions`), computed in the plain way
   ("eager");
5. compares each number of the one with each number of the other.

**Supported** means: every attention that the model reports was captured, with a difference of 0 or
of rounding.

Attention is seen in one of two ways, neither of which knows any model by its name. Most models ask
the library for a function that computes attention; there the gallery listens at the *interface*.
The others compute it by themselves; there it recognises the *softmax* that every attention takes.
Some models have parts of *both* sorts.

| model types | |
| --- | ---: |
| known to transformers {transformers} | {n_known} |
| built and run | {n_built} |
| report attention | {n_reporting} |
| **supported** | **{n_supported}** |
| exceptions, [named below](#exceptions) | {n_exceptions} |
| report [something else](#called-attention-and-none) under that name | {n_misreported} |
| report none, though attention was captured | {n_unreported} |
| have no attention | {n_none} |
| could not be [built by the test](#not-built) | {n_not_built} |

## What this does not say

The weights were random. That is enough to compare numbers, for they come from the same formula
whatever the weights are. But a model may have settings that change the formula; the test ran each
type with those that the library has by default.

To show a model, the gallery must also be able to feed it. What a manifest can hold, texts and
images for instance, is another question than whether the attention can be seen.
"""


def text_of(record: Record) -> str:
    """The page, in Markdown."""
    of: dict[Outcome, list[Verdict]] = defaultdict(list)
    for verdict in record.verdicts:
        of[verdict.outcome].append(verdict)
    supported = [v for v in record.verdicts if v.outcome in SUPPORTED]
    exceptions = [v for v in record.verdicts if v.outcome in EXCEPTIONS and v.reported]
    n_reporting = len(supported) + len(exceptions)
    head = _HEAD.format(
        transformers=record.transformers,
        torch=record.torch,
        share=_floored(100 * len(supported) / n_reporting),
        worst=_power(max(v.difference for v in supported)),
        n_equal=sum(not v.difference for v in supported),
        n_supported=len(supported),
        n_reporting=n_reporting,
        n_known=len(record.verdicts),
        n_built=len(record.verdicts) - len(of["not built"]),
        n_exceptions=len(exceptions),
        n_misreported=len(of["misreported"]),
        n_unreported=len(of["unreported"]),
        n_none=len(of["none"]),
        n_not_built=len(of["not built"]),
    )
    return "\n".join(
        [
            head,
            *_supported(supported),
            *_otherwise(of["corrected"] + of["reshaped"]),
            *_exceptions(exceptions),
            *_misreported(of["misreported"]),
            *_unreported(of["unreported"], of["none"]),
            *_not_built(of["not built"]),
        ]
    )


def why(verdict: Verdict) -> str:
    """Why a type is an exception: in words where there are some, else as it was found."""
    return EXPLAINED.get(verdict.model_type, f"{verdict.reason[:1].upper()}{verdict.reason[1:]}.")


def _exceptions(exceptions: Iterable[Verdict]) -> list[str]:
    rows = [f"| `{v.model_type}` | {_cell(why(v))} |" for v in exceptions]
    return [
        "## Exceptions\n",
        "These report attention, and it is not captured, or not all of it. A model of which",
        "nothing can be captured is refused, with the reason.\n",
        "| model type | why |\n| --- | --- |",
        *rows,
        "",
    ]


def _misreported(verdicts: Iterable[Verdict]) -> list[str]:
    return [
        "## Called attention, and none\n",
        "What the library reports as the attention of these is something else: the rows of weights",
        "add up to 1, or to less where a sink takes a share, and these do not. So there is nothing",
        "to compare with, and these types are not counted as reporting attention.\n",
        "| model type | what it is |\n| --- | --- |",
        *(f"| `{v.model_type}` | {_cell(why(v))} |" for v in verdicts),
        "",
    ]


def _otherwise(verdicts: Iterable[Verdict]) -> list[str]:
    by_reason: dict[str, list[str]] = defaultdict(list)
    for verdict in sorted(verdicts, key=lambda verdict: verdict.model_type):
        by_reason[verdict.reason].append(verdict.model_type)
    return [
        "## Supported, and reported otherwise\n",
        "What the library reports of these is not the attention itself, or is it in another form.",
        "What the gallery captures was shown to be the attention: brought into the form of the",
        "report, it is equal.\n",
        "| model types | what the library does |\n| --- | --- |",
        *(f"| {_names(names)} | {_cell(reason)} |" for reason, names in by_reason.items()),
        "",
    ]


def _supported(supported: Iterable[Verdict]) -> list[str]:
    lines = ["## Supported\n", "Grouped by what they were given to read in the test.\n"]
    groups: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in supported:
        groups[verdict.reads].append(verdict)
    for reads, title in READS.items():
        if not groups[reads]:
            continue
        rows = "\n".join(
            f"<tr><td><code>{escape(v.model_type)}</code></td><td>{WAYS[v.way]}</td>"
            f"<td>{_power(v.difference)}</td></tr>"
            for v in groups[reads]
        )
        lines += [
            f"<details><summary>{title}: {len(groups[reads])}</summary>",
            "<table><thead><tr><th>model type</th><th>seen by</th><th>difference</th></tr></thead>",
            f"<tbody>\n{rows}\n</tbody></table></details>\n",
        ]
    return lines


def _unreported(unreported: list[Verdict], none: list[Verdict]) -> list[str]:
    return [
        "## Nothing to compare with\n",
        "Attention of these was captured, but the library reports none of it.\n",
        _folded("Captured, and not reported", unreported),
        "These have none: they mix tokens by convolution, by recurrence or by other means.\n",
        _folded("No attention", none),
    ]


def _not_built(verdicts: list[Verdict]) -> list[str]:
    lines = [
        "## Not built\n",
        "The test makes models and their inputs by rules, from the names of sizes in a",
        "configuration and of what a model takes. Nothing is known about those for which the rules",
        "do not suffice: they may well work. Most are parts of larger models.\n",
    ]
    by_reason: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_reason[verdict.reason].append(verdict)
    counts = Counter({reason: len(found) for reason, found in by_reason.items()})
    for reason, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        lines.append(_folded(f"{reason[:1].upper()}{reason[1:]}", by_reason[reason]))
    return lines


def _folded(title: str, verdicts: list[Verdict]) -> str:
    names = ", ".join(f"<code>{escape(verdict.model_type)}</code>" for verdict in verdicts)
    return (
        f"<details><summary>{escape(title)}: {len(verdicts)}</summary>\n<p>{names}</p></details>\n"
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return escape(f"{text[:1].upper()}{text[1:].rstrip('.')}.", quote=False).replace("|", "\\|")


def _floored(share: float) -> str:
    """To a tenth, never rounded up."""
    return f"{int(share * 10) / 10:.1f}"


def _power(difference: float) -> str:
    """A number of one digit, as people write it."""
    if not difference:
        return "0"
    digit, exponent = f"{difference:.0e}".split("e")
    return f"{digit} · 10<sup>−{abs(int(exponent))}</sup>"
