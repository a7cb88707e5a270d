"""`onnxlate export --to ctranslate2`: a directory that CTranslate2 loads.

It is written only if CTranslate2 then translates as PyTorch does, greedy. With beams it
follows another rule (docs/import.md), so that there is nothing to be compared.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
import torch

from onnxlate import __version__
from onnxlate.errors import ExportError
from onnxlate.search import Hypothesis, SearchOptions
from onnxlate.text import BOS_ID, EOS_ID, Tokenizer
from onnxlate_training.checkpoint import LoadedModel
from onnxlate_training.decode import TorchStepper, decode, pad

from ..export import new_folder, require_name
from ..gate import MAX_SENTENCES, Progress, Sample, draw_sample, limits_of
from .ctranslate2_model import write_model

NOTE = "onnxlate.json"

TIE = 1e-3
"""Log-probabilities of whole sentences that differ by less are one, rounded in two
ways; which of two tokens then comes is nobody's mistake."""


@dataclass(frozen=True)
class Elsewhere:
    """What the check saw."""

    sentences: int
    equal: int
    """With the same tokens as in PyTorch, greedy; the others are near ties."""


def export_ctranslate2(
    loaded: LoadedModel,
    path: Path,
    on_progress: Progress = lambda what, done, total: None,
    max_sentences: int = MAX_SENTENCES,
) -> Elsewhere:
    """Writes the directory, all of it or nothing.

    Raises ExportError if something is in the way or if CTranslate2 disagrees.
    """
    require_name(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ExportError(f"{path} exists and is not empty; choose another --output")
    sample = draw_sample(loaded, "fp32", max_sentences)
    tokenizers = loaded.read_tokenizers()
    source, target = names = [spellings(each) for each in tokenizers]
    with new_folder(path) as folder:
        write_model(loaded.model, source, target, folder, "fp32")
        found = _checked(loaded, folder, sample, names, on_progress)
        for spm in {loaded.source_tokenizer, loaded.target_tokenizer}:
            shutil.copyfile(spm, folder / spm.name)
        note = _note(loaded, names, found)
        (folder / NOTE).write_text(json.dumps(note, indent=2), encoding="utf-8")
    return found


def spellings(tokenizer: Tokenizer) -> list[str]:
    """Every token as SentencePiece spells it, by id."""
    return [tokenizer.piece(i) for i in range(len(tokenizer))]


def _note(
    loaded: LoadedModel, names: Sequence[Sequence[str]], found: Elsewhere
) -> dict[str, object]:
    """How texts become its tokens, which CTranslate2 leaves to others."""
    source, target = names
    return {
        "written_by": f"onnxlate {__version__}",
        "name": loaded.name,
        "source_language": loaded.source_language,
        "target_language": loaded.target_language,
        "source_tokenizer": loaded.source_tokenizer.name,
        "target_tokenizer": loaded.target_tokenizer.name,
        "before_every_source": [source[each] for each in loaded.source_prefix],
        "behind_every_source": [source[EOS_ID]],
        "before_every_target": [target[each] for each in loaded.target_prefix],
        "greedy_equal": found.equal,
        "sentences": found.sentences,
    }


def _checked(
    loaded: LoadedModel,
    folder: Path,
    sample: Sample,
    names: Sequence[Sequence[str]],
    on_progress: Progress,
) -> Elsewhere:
    longest = [
        loaded.defaults.max_target_tokens(len(source), limits_of(loaded))
        for source in sample.sources
    ]
    on_progress("PyTorch and CTranslate2, greedy", 0, len(longest))
    ours = [
        best
        for [best] in decode(
            TorchStepper(loaded.model),
            sample.sources,
            [
                SearchOptions(each, with_scores=True, begin=loaded.target_prefix)
                for each in longest
            ],
        )
    ]
    theirs = _translate(folder, sample.sources, longest, names, loaded.target_prefix)
    on_progress("PyTorch and CTranslate2, greedy", len(longest), len(longest))
    different = [
        at
        for at, (one, other) in enumerate(zip(ours, theirs, strict=True))
        if list(one.tokens) != other
    ]
    for at in different:
        if not _is_tie(loaded, sample.sources[at], ours[at], theirs[at]):
            raise ExportError(
                f"CTranslate2 translates sentence {at + 1} of "
                f"{loaded.validation_name} to other tokens than PyTorch, and that is "
                "no near tie. Nothing was written"
            )
    return Elsewhere(len(ours), len(ours) - len(different))


def _translate(
    folder: Path,
    sources: Sequence[Sequence[int]],
    longest: Sequence[int],
    names: Sequence[Sequence[str]],
    begin: Sequence[int],
) -> list[list[int]]:
    engine = ctranslate2.Translator(str(folder), device="cpu", intra_threads=0)
    source, target = names
    ids = {name: at for at, name in enumerate(target)}
    found = []
    for each, most in zip(sources, longest, strict=True):
        [result] = engine.translate_batch(
            [[source[i] for i in each]],
            [[target[i] for i in begin]] if begin else None,
            beam_size=1,
            max_input_length=0,
            min_decoding_length=0,
            max_decoding_length=most,
        )
        found.append([ids[name] for name in result.hypotheses[0]])
    return found


@torch.inference_mode()
def _is_tie(
    loaded: LoadedModel, source: list[int], ours: Hypothesis, theirs: list[int]
) -> bool:
    """Whether, where they part, both tokens are about as likely."""
    pairs = zip(ours.tokens, theirs, strict=False)
    shortest = min(len(ours.tokens), len(theirs))
    at = next((i for i, (one, other) in enumerate(pairs) if one != other), shortest)
    model = loaded.model
    ids, visible = map(torch.from_numpy, pad([source]))
    fed = torch.tensor([[BOS_ID, *ours.tokens[:at]]])
    last = model.generator(model(ids, visible, fed)[0, -1])
    one, other = (
        tokens[at] if at < len(tokens) else EOS_ID for tokens in (ours.tokens, theirs)
    )
    return bool((last[one] - last[other]).abs() < TIE)
