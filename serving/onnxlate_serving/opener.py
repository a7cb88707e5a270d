"""Opens graphs in onnxruntime, which is imported here and, where programs of our own
run everything, not at all: it takes twenty megabytes and a tenth of a second."""

from pathlib import Path
from typing import Literal

import onnxruntime as ort

from onnxlate.bundle import GraphInfo
from onnxlate.errors import BundleError
from onnxlate.search import Floats

from .device_block import PROVIDERS

Device = Literal["cpu", "cuda"]

ERRORS_ONLY = 3
"""onnxruntime's severity; its warnings are about graphs, and its users are not."""


class Opener:
    """Of sessions with the same options."""

    def __init__(self, threads: int) -> None:
        self._options = session_options(threads)
        self._shared: dict[str, ort.OrtValue] = {}

    @property
    def knows_cuda(self) -> bool:
        """Whether this onnxruntime is built for it; there may be no device yet."""
        return PROVIDERS["cuda"] in ort.get_available_providers()

    def share(self, name: str, array: Floats) -> None:
        """Where the graphs that are opened from now on find their weights `name`."""
        self._shared[name] = ort.OrtValue.ortvalue_from_numpy(array)
        self._options.add_initializer(name, self._shared[name])

    def open(self, path: Path, info: GraphInfo, device: Device) -> ort.InferenceSession:
        """Raises BundleError for a graph that is not what is said of it.

        Without a usable device "cuda" the session is one on the CPU (`is_on_cuda`).
        """
        providers: list[str | tuple[str, dict[str, str]]] = [PROVIDERS["cpu"]]
        if device == "cuda":
            # Or fp32 would be multiplied with ten bits instead of 23.
            providers.insert(0, (PROVIDERS["cuda"], {"use_tf32": "0"}))
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


def is_on_cuda(session: ort.InferenceSession) -> bool:
    return PROVIDERS["cuda"] in session.get_providers()


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
