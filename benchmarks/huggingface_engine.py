"""`generate` on a folder of Hugging Face's, as its own files have it searched."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForSeq2SeqLM

from onnxlate.search import Ints
from onnxlate.text import EOS_ID
from onnxlate_export.huggingface.importing import Wishes, load_imported

from .marian_engine import Marian
from .settings import MarianSettings


class HuggingFace(Marian):
    def _open(self, settings: MarianSettings) -> Any:
        with TemporaryDirectory() as work:
            # How it numbers tokens; the rest of it is not kept.
            imported = load_imported(str(settings.model), Path(work), Wishes("x", "x"))
        self._numbers = torch.tensor(imported.source.theirs)
        self._names = imported.target.ours
        self._end = imported.target.theirs[EOS_ID]
        return AutoModelForSeq2SeqLM.from_pretrained(settings.model).eval()

    def _theirs(self, ids: Ints) -> Tensor:
        return self._numbers[torch.from_numpy(ids)]

    def _ours(self, row: list[int]) -> list[int]:
        row = row[1:]
        end = row.index(self._end) if self._end in row else len(row)
        return [self._names[each] for each in row[:end]]
