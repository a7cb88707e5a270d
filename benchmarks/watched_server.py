"""Our server with stopwatches in it; at its end it writes down what they say.

    python -m benchmarks.watched_server NOTES BUNDLE [OPTION …]

Options are those of `onnxlate serve`.
"""

import sys
import time
from pathlib import Path
from threading import Event, Thread, get_ident
from typing import Any

import typer

from onnxlate_serving import sessions as sessions_module
from onnxlate_serving.cli import serve

from .stopwatch import Notes, Stopwatch

ENCODER, DECODER = "encoder", "decoder"

PLACES = {
    "search": (
        "onnxlate.search:Searches.add",
        "onnxlate.search:Searches.advance",
        "onnxlate.search:Searches.take",
        "onnxlate.search:Searches.take_beams",
        "onnxlate.search:Searches.remove",
    ),
    "rows": (
        "onnxlate_serving.decoder_state:DecoderState.join",
        "onnxlate_serving.decoder_state:DecoderState.welcome",
        "onnxlate_serving.decoder_state:DecoderState.advance",
        "onnxlate_serving.decoder_state:DecoderState.masked",
        "onnxlate_serving.decoder_state:DecoderState.branch",
        "onnxlate_serving.decoder_state:DecoderState.move",
    ),
    "scheduling": (
        "onnxlate_serving.scheduler:Scheduler.add",
        "onnxlate_serving.scheduler:Scheduler.schedule",
        "onnxlate_serving.scheduler:Scheduler.finish",
    ),
    "runner": ("onnxlate_serving.runner:OnnxRunner.run",),
    ENCODER: ("onnxlate_serving.encoder:NativeReader.read",),
    DECODER: (
        "onnxlate_serving.decoder:NativeDecoder.run",
        "onnxlate_serving.decoder:NativeDecoder.run_ahead",
        "onnxlate_serving.decoder:NativeDecoder.run_beams",
    ),
    "tokenising": (
        "onnxlate.text:Tokenizer.encode",
        "onnxlate.text:Tokenizer.decode",
    ),
}
"""What is watched; where a name has gone, its time is counted with its caller's."""

SAMPLE_S = 0.02


class WatchedSession:
    """An onnxruntime session whose runs are noted."""

    def __init__(self, session: Any, stopwatch: Stopwatch, label: str) -> None:
        self._session = session
        for name in ("run", "run_with_iobinding", "run_with_ort_values"):
            setattr(self, name, stopwatch.watched(label, getattr(session, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def watch(stopwatch: Stopwatch) -> None:
    """Every place there is."""
    for label, places in PLACES.items():
        for place in places:
            stopwatch.watch(label, place)
    original = sessions_module.Sessions.__init__

    def opened(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if self.native:
            return
        for label in (ENCODER, DECODER):
            session = getattr(self, label)
            setattr(self, label, WatchedSession(session, stopwatch, label))

    sessions_module.Sessions.__init__ = opened  # type: ignore[method-assign]


def sampled_cpu(clock: int, samples: list[tuple[float, float]], ended: Event) -> None:
    """Notes the CPU time of a thread now and then."""
    while not ended.wait(SAMPLE_S):
        samples.append((time.perf_counter(), time.clock_gettime(clock)))


def main() -> None:
    notes_path = Path(sys.argv.pop(1))
    stopwatch = Stopwatch()
    watch(stopwatch)
    samples: list[tuple[float, float]] = []
    ended = Event()
    clock = time.pthread_getcpuclockid(get_ident())
    sampler = Thread(target=sampled_cpu, args=(clock, samples, ended), daemon=True)
    sampler.start()
    try:
        typer.run(serve)
    finally:
        ended.set()
        sampler.join()
        notes = Notes(notes=stopwatch.notes, loop_cpu=samples)
        content = notes.model_dump_json()
        notes_path.write_text(content)


if __name__ == "__main__":
    main()
