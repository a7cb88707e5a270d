"""Where finished translations looked: runs of attention.onnx, for those who ask.

Decoding knows nothing of it. A text is read once more, with each of its translations,
alone and unpadded, so that what is seen does not depend on what else is asked.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from onnxlate.alignment import Floats
from onnxlate.bundle import AttentionInfo, Manifest
from onnxlate.errors import BundleError, Overloaded, Unavailable

from .sessions import Sessions

if TYPE_CHECKING:
    import onnxruntime as ort

Told = TypeVar("Told")


class Looking:
    """A session and a few threads of its own, beside the engines.

    The session is opened when somebody asks for the first time: it has a copy of what
    onnxruntime makes of the decoder's weights, which servers that nobody asks do not
    need.
    """

    def __init__(
        self, manifest: Manifest, info: AttentionInfo, sessions: Sessions, waiting: int
    ) -> None:
        """`waiting` is how many texts may wait before others are refused.

        Raises BundleError for heads that the model does not have.
        """
        model = manifest.model
        for each in info.alignment.heads:
            if each.layer >= model.decoder_layers or each.head >= model.heads:
                raise BundleError(
                    f"{manifest.full_name} is said to be aligned by head {each.head} "
                    f"of layer {each.layer}, which it does not have"
                )
        self.info = info
        self._sessions = sessions
        self._max_waiting = waiting
        self.bos = manifest.special_ids.bos
        self._max_target = manifest.limits.max_target_tokens
        # Half of the engines' share: who waits for a translation comes first.
        threads = max(1, sessions.workers // 2)
        self._pool = ThreadPoolExecutor(threads, f"look {manifest.name}")
        self._opening = threading.Lock()
        self._session: ort.InferenceSession | None = None
        self._num_waiting = 0
        self._stopped = False

    async def look(
        self,
        source_ids: Sequence[int],
        targets: Sequence[Sequence[int]],
        tell: Callable[[list[Floats]], Told],
    ) -> Told:
        """What `tell` makes of the attention (L, H, T + 1, S) of each target.

        Sources end with the end of sentence, targets do not. Runs in a thread, `tell`
        too. Raises Overloaded and Unavailable.
        """
        if self._stopped:
            raise Unavailable("the model is being unloaded")
        if self._num_waiting >= self._max_waiting:
            raise Overloaded(
                f"{self._num_waiting} texts are waiting for their alignment already"
            )
        self._num_waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._pool, lambda: tell(self._look(source_ids, targets))
            )
        finally:
            self._num_waiting -= 1

    def stop(self) -> None:
        """Ends the threads when they have done what they are at."""
        self._stopped = True
        self._pool.shutdown(wait=False)

    def _look(
        self, source_ids: Sequence[int], targets: Sequence[Sequence[int]]
    ) -> list[Floats]:
        encoder, session = self._opened()
        visible = np.ones((1, len(source_ids)), np.bool_)
        ids = np.array([source_ids], np.int64)
        names = [each.name for each in encoder.get_outputs()]
        made = encoder.run(names, {"source_ids": ids, "source_visible": visible})
        source = dict(zip(names, made, strict=True)) | {"source_visible": visible}
        return [self._looked(session, source, each) for each in targets]

    def _looked(
        self,
        session: ort.InferenceSession,
        source: dict[str, Floats],
        target: Sequence[int],
    ) -> Floats:
        # One that was cut at the model's limit has a last token that nobody was fed.
        fed = [self.bos, *target][: self._max_target]
        past = np.tril(np.ones((1, len(fed), len(fed)), np.bool_))
        target_ids = np.array([fed], np.int64)
        inputs = {**source, "target_ids": target_ids, "target_visible": past}
        (attention,) = session.run(["attention"], inputs)
        missing = 1 + len(target) - len(fed)
        return np.pad(attention[0], ((0, 0), (0, 0), (0, missing), (0, 0)))

    def _opened(self) -> tuple[ort.InferenceSession, ort.InferenceSession]:
        """The encoder, which nobody else may have needed so far, and what looks."""
        with self._opening:
            if self._session is None:
                self._session = self._sessions.open_attention(self.info.graph)
            return self._sessions.encoder, self._session
