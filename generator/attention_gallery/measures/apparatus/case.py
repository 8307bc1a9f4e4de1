"""What a measure is given: a loaded model, what is wanted, and the sentences as it reads them."""

from __future__ import annotations

from dataclasses import dataclass, field

from attention_gallery.capture.feeds import Feed, prepare
from attention_gallery.capture.model.loading import LoadedModel
from attention_gallery.capture.text.tokens import readable_tokens
from attention_gallery.measures.apparatus.answers import Asked, asked
from attention_gallery.measures.apparatus.run import Run
from attention_gallery.terms import MeasureRequest, Token


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure.

    Attributes:
        loaded: The model, with the head that answers where it has one.
        request: What is wanted.
    """

    loaded: LoadedModel
    request: MeasureRequest
    _feeds: dict[int, Feed] = field(default_factory=dict)

    def feed(self, number: int = 0) -> Feed:
        """A sentence as the model is fed it; of a pair, the second is number 1.

        Raises:
            GalleryError: When it does not fit the model.
        """
        if number not in self._feeds:  # some models have to write what they are fed
            self._feeds[number] = prepare(self.loaded, self.request.passes[number])
        return self._feeds[number]

    def run(self, number: int = 0) -> Run:
        """The model on a sentence.

        Raises:
            GalleryError: When it does not fit the model.
        """
        return Run.of(self.loaded, self.feed(number))

    def asked(self, number: int = 0) -> Asked:
        """What is asked about a sentence, as the model understands it.

        Raises:
            GalleryError: When the model gives no such answer.
        """
        feed = self.feed(number)
        return asked(self.loaded, feed, Run.of(self.loaded, feed), self.request.question)

    def spelled(self, id_: int) -> str:
        """The readable text of a token, by its number in the vocabulary."""
        return self.token(id_).text

    def token(self, id_: int) -> Token:
        """A token that stands in no text."""
        return readable_tokens(self.loaded.tokenizer, [id_], [False])[0]
