"""Opens a bundle's graphs, on the device that was asked for: as programs of our own,
or in onnxruntime."""

from __future__ import annotations

import logging
import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from onnxlate.bundle import Bundle, GraphInfo
from onnxlate.errors import BundleError, ConfigError
from onnxlate.search import Floats

from .config import FEW, FEWER, FULL, NO_MORE, SMALL_CACHE, WIDE, RuntimeConfig
from .cpus import available_cpus
from .external_data import check_external_data
from .native.files import MappedFiles
from .native.programs import Programs

if TYPE_CHECKING:
    import onnxruntime as ort

    from .opener import Device, Opener

log = logging.getLogger(__name__)


class Sessions:
    """The graphs of one bundle, ready to run on `device`."""

    def __init__(self, bundle: Bundle, config: RuntimeConfig) -> None:
        """Raises BundleError for graphs that cannot be read, ConfigError for a
        device that is not there."""
        manifest = bundle.manifest
        width = manifest.model.width
        self.workers, self.threads = layout(config, width, available_cpus())
        self._session_threads = self.threads
        for graph in (bundle.encoder, bundle.decoder, bundle.attention):
            if graph:
                check_external_data(graph, manifest.files)
        self._bundle = bundle
        files = MappedFiles()
        self.generator: Floats | None = None
        """What the decoder scores with, (vocabulary, width), where the bundle has it as
        a file: not read but mapped, and where both graphs refer to, there they look."""
        if bundle.generator:
            self.generator = _mapped(
                *(files, bundle.generator),
                *(manifest.model.target_vocabulary, manifest.model.width),
            )
        self.generator_bias: Floats | None = None
        """(vocabulary,)"""
        if bundle.generator_bias:
            self.generator_bias = _mapped(
                files, bundle.generator_bias, manifest.model.target_vocabulary
            )
        self.device = self._choose(config.device)
        if self.device != "cpu":
            self.workers = config.workers or 1  # they would only queue for the device
        self.native = Programs.of(bundle, files) if self.device == "cpu" else None
        """What runs the graphs instead, where there is a program of them."""
        if self.native is None:
            self.encoder, self.decoder  # noqa: B018 - opened now, or refused
        else:
            # Helpers are there for few rows only, so that they are in nobody's way.
            if not config.threads:
                self.workers = config.workers or available_cpus()
            self.threads = config.threads or (
                1 if width < WIDE else min(2, available_cpus())
            )

    @property
    def run_by(self) -> str:
        """Whose code decodes: onnxruntime, or ours for a kind of processor."""
        if self.native is None:
            return "onnxruntime"
        return f"code compiled for {self.native.library.name}"

    @property
    def rows(self) -> int:
        """That a worker does best to decode at once."""
        cache_bytes = self.native.library.cache_bytes if self.native else 0
        return rows_at_once(self._bundle.manifest.model.width, cache_bytes)

    @property
    def few(self) -> int:
        """Rows that a worker decodes in hardly more time than one."""
        processor = self.native.library.name if self.native else ""
        return few_at_once(self._bundle.manifest.model.width, processor)

    @cached_property
    def encoder(self) -> ort.InferenceSession:
        """The graph that reads sources; raises BundleError."""
        return self._opener.open(
            self._bundle.encoder, self._bundle.manifest.encoder, self.device
        )

    @cached_property
    def decoder(self) -> ort.InferenceSession:
        """The graph that writes a token for each row; raises BundleError."""
        return self._opener.open(
            self._bundle.decoder, self._bundle.manifest.decoder, self.device
        )

    def open_attention(self, info: GraphInfo) -> ort.InferenceSession:
        """The graph that tells where translations looked; raises BundleError."""
        return self._opener.open(self._bundle.path / info.file, info, self.device)

    @cached_property
    def _opener(self) -> Opener:
        from .opener import Opener  # with onnxruntime, only where there is need

        opener = Opener(self._session_threads)
        if self.generator is not None and self._bundle.generator:
            # In the graphs, whichever have it, it is called like its file.
            opener.share(self._bundle.generator.name, self.generator)
        return opener

    def _choose(self, wanted: str) -> Device:
        if wanted == "cpu":
            return "cpu"
        if self._bundle.manifest.operators != "standard":
            reason = "this bundle was exported for CPUs"
        elif not self._opener.knows_cuda:
            reason = "this onnxruntime is built without CUDA"
        else:
            # A provider that is built in may still find no driver; then the session
            # silently runs on the CPU.
            if self._is_on_cuda():
                return "cuda"
            reason = "onnxruntime found no usable CUDA device"
        if wanted == "cuda":
            raise ConfigError(
                f"device cuda: {reason}; export it with --precision fp16, have "
                "onnxruntime-gpu and its CUDA libraries, or serve with --device cpu"
            )
        log.info("device cpu: %s", reason)
        return "cpu"

    def _is_on_cuda(self) -> bool:
        from .opener import is_on_cuda

        bundle = self._bundle
        session = self._opener.open(bundle.encoder, bundle.manifest.encoder, "cuda")
        if not is_on_cuda(session):
            return False
        self.encoder = session  # to open it takes a second
        return True


def _mapped(files: MappedFiles, path: Path, *shape: int) -> Floats:
    if path.stat().st_size != 4 * math.prod(shape):
        expected = " x ".join(map(str, shape))
        raise BundleError(f"{path} does not hold {expected} numbers")
    return np.frombuffer(files.content(path), np.float32).reshape(shape)


def rows_at_once(width: int, cache_bytes: int) -> int:
    """That a worker does best to decode, where a core has a cache of so many bytes for
    itself; 0 where nobody knows, or programs of our own have no part in it."""
    small = 0 < cache_bytes < SMALL_CACHE
    return FEWER if small and width < WIDE else FULL


def few_at_once(width: int, processor: str) -> int:
    """Rows that are decoded in hardly more time than one, by what is compiled for that
    processor; "" is onnxruntime."""
    return NO_MORE if processor == "avx2" and width < WIDE else FEW


def layout(config: RuntimeConfig, width: int, cpus: int) -> tuple[int, int]:
    """How many engines, and how many threads each, for a model of that width.

    Wide models get two threads per engine: a lone sentence is then translated in three
    fifths of the time, while more than two share a step badly.
    """
    narrow = width < WIDE
    if config.workers:
        shared = 1 if narrow else max(1, cpus // config.workers)
        return config.workers, config.threads or shared
    threads = config.threads or (1 if narrow else min(2, cpus))
    return max(1, cpus // threads), threads
