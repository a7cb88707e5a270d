"""Text to token ids and back, with SentencePiece; nothing here knows a model.

Special ids are the same in every model of ours: padding 0, unknown 1, beginning 2,
end 3. Manifests state them all the same, so that other programs need not guess.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sentencepiece

from .errors import BundleError

PAD_ID, UNK_ID, BOS_ID, EOS_ID = 0, 1, 2, 3

_REPLACEMENT = "\ufffd"


class Tokenizer:
    """One SentencePiece model: the source's, the target's, or both at once."""

    def __init__(self, path: Path) -> None:
        """Raises BundleError if `path` is not a SentencePiece model."""
        try:
            self._model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        except (OSError, RuntimeError) as cause:
            raise BundleError(
                f"{path} is not a readable SentencePiece model"
            ) from cause

    def __len__(self) -> int:
        """Number of ids, special ones included."""
        return int(self._model.vocab_size())

    def encode(self, text: str) -> list[int]:
        """Ids of the text with the end-of-sentence id behind; [] for blank text."""
        return _ended(self._model.encode(_clean(text)))

    def encode_all(
        self, texts: Iterable[str], dropout: float, seed: int
    ) -> list[list[int]]:
        """Ids of each as `encode` gives them, but with a share of merges left out.

        BPE-dropout (Provilkov et al. 2020); what is left out follows from the seed.
        """

        def encode(text: str) -> list[int]:
            return _ended(
                self._model.encode(
                    _clean(text), enable_sampling=True, alpha=dropout, nbest_size=-1
                )
            )

        # SentencePiece's generator is a thread's own, and seeded when first used.
        sentencepiece.set_random_generator_seed(seed)
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(lambda: [encode(text) for text in texts]).result()

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids; special ids are silent, unknown ones become U+2047."""
        words = [i for i in ids if i not in (PAD_ID, BOS_ID, EOS_ID)]
        return str(self._model.decode(words))

    def piece(self, token_id: int) -> str:
        """The id as its SentencePiece spelling, for displays: "▁Haus"."""
        return str(self._model.id_to_piece(token_id))


def _clean(text: str) -> str:
    # A lone surrogate cannot be encoded; it reads as "not a character".
    return text.encode("utf-8", "replace").decode("utf-8")


def _ended(ids: Sequence[int]) -> list[int]:
    return [*ids, EOS_ID] if ids else []


class Detokenizer:
    """Turns ids that arrive one by one into text that only ever grows.

    The pieces concatenate to `Tokenizer.decode` of all the ids, and none ends in
    half a character: bytes of an unfinished one are held back.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._said = ""

    def add(self, ids: Sequence[int]) -> str:
        """The text that these ids make certain; often "", never retracted."""
        self._ids += ids
        text = self._tokenizer.decode(self._ids)
        return self._say(text.rstrip(_REPLACEMENT))

    def finish(self) -> str:
        """What was held back to the end."""
        return self._say(self._tokenizer.decode(self._ids))

    def _say(self, text: str) -> str:
        if not text.startswith(self._said):
            return ""
        new = text[len(self._said) :]
        self._said = text
        return new
