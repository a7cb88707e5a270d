"""CTranslate2, in this process: tokens in, tokens out."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import ctranslate2

from onnxlate.text import EOS_ID

from .settings import CTranslate2Settings, Job


class CTranslate2:
    def __init__(self, settings: CTranslate2Settings) -> None:
        self._settings = settings
        self._translator = open_translator(settings)
        self._source, self._target = vocabularies(settings.model)
        self._ids = {token: at for at, token in enumerate(self._target)}

    def prepare(self, job: Job) -> None:
        self._sources = [[self._source[i] for i in source] for source in job.sources]
        self._limits = job.limits()
        self._options = {"beam_size": job.beam_size, "length_penalty": 1.0}
        # Lengths can be forced only for a whole call, so each length has its own.
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, limits in enumerate(self._limits):
            groups[limits].append(index)
        self._groups = sorted(groups.items(), reverse=True)
        self._found: dict[int, Any] = {}

    def translate(self) -> None:
        if self._settings.call == "iterable":
            for limits, group in self._groups:
                results = self._iterate(limits, group)
                self._found.update(zip(group, results, strict=True))
            return
        # Asynchronous, or the next length would wait for the last batch of this.
        pending: dict[int, Any] = {}
        for limits, group in self._groups:
            pending.update(zip(group, self._submit(limits, group), strict=True))
        for index, each in pending.items():
            self._found[index] = each.result()

    def translate_one(self, index: int) -> None:
        [self._found[index]] = self._translator.translate_batch(
            [self._sources[index]], **self._call_options(self._limits[index])
        )

    def targets(self) -> list[list[int]]:
        return [self._tokens(self._found[i]) for i in range(len(self._sources))]

    def close(self) -> None:
        del self._translator

    def _submit(self, limits: tuple[int, int], group: list[int]) -> list[Any]:
        pending: list[Any] = self._translator.translate_batch(
            [self._sources[index] for index in group],
            asynchronous=True,
            max_batch_size=self._settings.max_batch_size,
            batch_type=self._settings.batch_type,
            **self._call_options(limits),
        )
        return pending

    def _iterate(self, limits: tuple[int, int], group: list[int]) -> list[Any]:
        return list(
            self._translator.translate_iterable(
                (self._sources[index] for index in group),
                max_batch_size=self._settings.max_batch_size,
                batch_type=self._settings.batch_type,
                **self._call_options(limits),
            )
        )

    def _call_options(self, limits: tuple[int, int]) -> dict[str, Any]:
        least, longest = limits
        lengths = {"min_decoding_length": least, "max_decoding_length": longest}
        return self._options | lengths

    def _tokens(self, result: Any) -> list[int]:
        ids = [self._ids[token] for token in result.hypotheses[0]]
        return ids[:-1] if ids[-1:] == [EOS_ID] else ids


def open_translator(settings: CTranslate2Settings) -> ctranslate2.Translator:
    return ctranslate2.Translator(
        str(settings.model),
        device=settings.device,
        compute_type=settings.compute_type,
        inter_threads=settings.inter_threads,
        intra_threads=settings.intra_threads,
    )


def vocabularies(model: Path) -> tuple[list[str], list[str]]:
    """Source and target tokens of a model directory, by id."""
    shared = model / "shared_vocabulary.json"
    names = [shared, shared]
    if not shared.exists():
        names = [model / f"{side}_vocabulary.json" for side in ("source", "target")]
    source, target = (json.loads(name.read_text(encoding="utf-8")) for name in names)
    return source, target
