"""What transformers' own `generate` makes of sentences: the gate's other side.

Its beam search follows our rule if it is told so (docs/import.md): scores are divided
by the same length, all hypotheses of the beam must have ended and none may be ahead,
what may not be said takes no part in the probabilities, and nothing is put at the end
of what is cut off.
"""

from collections.abc import Sequence
from typing import Any

import torch

from onnxlate.errors import ExportError
from onnxlate.text import EOS_ID, UNK_ID
from onnxlate_training.decode import pad

from ..packed import pack
from .importing import Imported
from .vocabulary import Vocabulary


def _unsaid(target: Vocabulary) -> list[int] | None:
    """Theirs, of what stands for nothing (padding, and rows without a piece) or may
    not be said."""
    found = {target.theirs[each] for each in target.unsaid} - {target.theirs[EOS_ID]}
    if UNK_ID not in target.unsaid:  # its row is that of pieces without one, too
        found.discard(target.theirs[UNK_ID])
    return sorted(found) or None


def _first(imported: Imported) -> int | None:
    prefix = imported.loaded.target_prefix
    return imported.target.theirs[prefix[0]] if prefix else None


class Generate:
    """`MarianMTModel.generate` or its like, in our ids."""

    def __init__(self, imported: Imported) -> None:
        import transformers
        from transformers import AutoModelForSeq2SeqLM, GenerationConfig
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.name = f"generate of transformers {transformers.__version__}"
        try:
            self._model: Any = AutoModelForSeq2SeqLM.from_pretrained(
                imported.folder, dtype=torch.float32
            ).eval()
        except Exception as cause:  # it checks more fields than are read here
            reason = " ".join(str(cause).split())
            raise ExportError(
                f"transformers cannot read {imported.folder}: {reason:.200}"
            ) from cause
        pack(self._model)
        given = self._model.generation_config
        # What is not said is filled from here, such as an end that is forced.
        self._model.generation_config = GenerationConfig(
            pad_token_id=given.pad_token_id,
            eos_token_id=given.eos_token_id,
            decoder_start_token_id=given.decoder_start_token_id,
            suppress_tokens=_unsaid(imported.target),
            forced_bos_token_id=_first(imported),
        )
        self._source = torch.tensor(imported.source.theirs)
        self._target = imported.target.ours
        self._end = imported.target.theirs[EOS_ID]
        self._length_penalty = imported.loaded.defaults.length_penalty

    def translate(
        self, sources: Sequence[Sequence[int]], beam_size: int, longest: int
    ) -> list[list[int]]:
        """Targets of at most `longest` tokens, the end included, which they are
        without."""
        ids, visible = pad(sources)
        rows = self._model.generate(
            self._source[torch.from_numpy(ids)],
            attention_mask=torch.from_numpy(visible).long(),
            num_beams=beam_size,
            do_sample=False,
            early_stopping=False if beam_size > 1 else None,
            length_penalty=self._length_penalty if beam_size > 1 else None,
            renormalize_logits=True,
            max_new_tokens=longest,
        )
        return [self._ours(row) for row in rows[:, 1:].tolist()]

    def _ours(self, row: list[int]) -> list[int]:
        end = row.index(self._end) if self._end in row else len(row)
        return [self._target[each] for each in row[:end]]
