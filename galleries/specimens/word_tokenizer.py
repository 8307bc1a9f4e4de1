"""Tokenizers of whole words, for grammars of which every word is known."""

from collections.abc import Collection, Mapping

from tokenizers import Regex, Tokenizer, models, processors
from tokenizers.decoders import Decoder
from tokenizers.normalizers import Normalizer
from tokenizers.pre_tokenizers import PreTokenizer, Split
from transformers import PreTrainedTokenizerFast

# What every grammar here takes for a word: letters and digits together, or one other sign.
WORD = r"\w+|[^\w\s]"


def make_word_tokenizer(
    words: Collection[str],
    special: Mapping[str, str],
    *,
    single: str,
    context: int,
    pair: str | None = None,
    normalizer: Normalizer | None = None,
    cut: PreTokenizer | None = None,
    decoder: Decoder | None = None,
) -> PreTrainedTokenizerFast:
    """Makes a tokenizer that knows each word as one token.

    Args:
        words: all words it shall know; any other becomes the unknown token.
        special: the special tokens by what they are for, such as `unk_token`, in the order of
            their ids; words follow them in the order of the alphabet.
        single: the template of one text, with its special tokens, such as "[CLS] $A [SEP]".
        context: how many tokens its model can read.
        pair: the template of two texts, if it has one.
        normalizer: what is done to a text before it is cut.
        cut: how a text is cut into words; by default as `WORD` says.
        decoder: how tokens are put together again; by default with spaces.

    Returns:
        The tokenizer.
    """
    vocabulary = {word: i for i, word in enumerate([*special.values(), *sorted(set(words))])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=special["unk_token"]))
    tokenizer.pre_tokenizer = cut or Split(Regex(WORD), "removed", invert=True)
    if normalizer:
        tokenizer.normalizer = normalizer
    if decoder:
        tokenizer.decoder = decoder
    in_template = [token for token in special.values() if token in f"{single} {pair}"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=single,
        pair=pair,
        special_tokens=[(token, vocabulary[token]) for token in in_template],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
        **special,
    )
