"""Opens a bundle's graphs in onnxruntime, on the device that was asked for."""

import logging
import math
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime as ort

from onnxlate.bundle import Bundle, GraphInfo
from onnxlate.errors import BundleError, ConfigError
from onnxlate.search import Floats

from .config import WIDE, RuntimeConfig
from .cpus import available_cpus
from .device_block import PROVIDERS
from .external_data import check_external_data
from .native.programs import Programs

log = logging.getLogger(__name__)

Device = Literal["cpu", "cuda"]

ERRORS_ONLY = 3
"""onnxruntime's severity; its warnings are about graphs, and its users are not."""


class Sessions:
    """The graphs of one bundle, ready to run on `device`."""

    def __init__(self, bundle: Bundle, config: RuntimeConfig) -> None:
        """Raises BundleError for graphs that cannot be read, ConfigError for a
        device that is not there."""
        width = bundle.manifest.model.width
        self.workers, self.threads = layout(config, width, available_cpus())
        self._options = session_options(self.threads)
        for graph in (bundle.encoder, bundle.decoder, bundle.attention):
            if graph:
                check_external_data(graph, bundle.manifest.files)
        self._path = bundle.path
        self.device = self._choose(bundle, config.device)
        if self.device != "cpu":
            self.workers = config.workers or 1  # they would only queue for the device
        manifest = bundle.manifest
        self.generator: Floats | None = None
        """What the decoder scores with, (vocabulary, width), where the bundle has it as
        a file: not read but mapped, and where both graphs refer to, there they look."""
        if bundle.generator:
            self.generator = _mapped(
                bundle.generator, manifest.model.target_vocabulary, manifest.model.width
            )
            self._shared = ort.OrtValue.ortvalue_from_numpy(self.generator)
            # In the graphs, whichever have it, it is called like its file.
            self._options.add_initializer(bundle.generator.name, self._shared)
        self.generator_bias: Floats | None = None
        """(vocabulary,)"""
        if bundle.generator_bias:
            self.generator_bias = _mapped(
                bundle.generator_bias, manifest.model.target_vocabulary
            )
        self._bundle = bundle
        self.native = Programs.of(bundle) if self.device == "cpu" else None
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

    @cached_property
    def encoder(self) -> ort.InferenceSession:
        """The graph that reads sources; raises BundleError."""
        return self._open(
            self._bundle.encoder, self._bundle.manifest.encoder, self.device
        )

    @cached_property
    def decoder(self) -> ort.InferenceSession:
        """The graph that writes a token for each row; raises BundleError."""
        return self._open(
            self._bundle.decoder, self._bundle.manifest.decoder, self.device
        )

    def open_attention(self, info: GraphInfo) -> ort.InferenceSession:
        """The graph that tells where translations looked; raises BundleError."""
        return self._open(self._path / info.file, info, self.device)

    def _choose(self, bundle: Bundle, wanted: str) -> Device:
        if wanted == "cpu":
            return "cpu"
        if bundle.manifest.operators != "standard":
            reason = "this bundle was exported for CPUs"
        elif PROVIDERS["cuda"] not in ort.get_available_providers():
            reason = "this onnxruntime is built without CUDA"
        else:
            # A provider that is built in may still find no driver; then the session
            # silently runs on the CPU.
            session = self._open(bundle.encoder, bundle.manifest.encoder, "cuda")
            if PROVIDERS["cuda"] in session.get_providers():
                return "cuda"
            reason = "onnxruntime found no usable CUDA device"
        if wanted == "cuda":
            raise ConfigError(
                f"device cuda: {reason}; export it with --precision fp16, have "
                "onnxruntime-gpu and its CUDA libraries, or serve with --device cpu"
            )
        log.info("device cpu: %s", reason)
        return "cpu"

    def _open(
        self, path: Path, info: GraphInfo, device: Device
    ) -> ort.InferenceSession:
        providers = list(dict.fromkeys([PROVIDERS[device], PROVIDERS["cpu"]]))
        try:
            session = ort.InferenceSession(path, self._options, providers=providers)
        except Exception as cause:  # onnxruntime has a dozen unrelated kinds
            raise BundleError(
                f"{path}: onnxruntime {ort.__version__} cannot open this graph"
            ) from cause
        for kind, found, expected in (
            ("inputs", session.get_inputs(), info.inputs),
            ("outputs", session.get_outputs(), info.outputs),
        ):
            names = {each.name for each in found}
            if names != {each.name for each in expected}:
                raise BundleError(f"{path}: its {kind} are not those of the manifest")
        return session


def _mapped(file: Path, *shape: int) -> Floats:
    if file.stat().st_size != 4 * math.prod(shape):
        expected = " x ".join(map(str, shape))
        raise BundleError(f"{file} does not hold {expected} numbers")
    return np.asarray(np.memmap(file, np.float32, mode="r", shape=shape))


def session_options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = threads
    options.log_severity_level = ERRORS_ONLY
    # Threads that spin between two steps take the CPU from everyone else, the event
    # loop first of all.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


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
