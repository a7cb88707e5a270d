"""One process's part in a job: shards that nobody has, until there are none."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from onnxlate.messages import MAX_TEXTS

from .asking import Asking
from .claims import Claims
from .job import Job
from .plan import Text
from .shelf import Line, Place, Shelf

POLL_S = 0.5
"""Between two looks at what others still have."""


@dataclass(slots=True)
class Summary:
    """What a job has come to, and this process's part in it."""

    lines: int = 0
    lines_here: int = 0
    """Translated by this process."""
    lines_before: int = 0
    """That were there when it began."""
    warning_counts: dict[str, int] = field(default_factory=dict)
    """Of all lines, by kind."""


@dataclass(frozen=True, slots=True)
class _UnderWay:
    place: Place
    texts: list[str]
    lines: list[Future[list[Line]]]


class Work:
    """Translates what is left, waits for what others have, and ends with all outputs.

    Several processes, also on several machines that share the folder, may do so at
    the same time.
    """

    def __init__(
        self,
        folder: Path,
        job: Job,
        paths: Sequence[Path],
        asking: Asking,
        num_calls: int,
    ) -> None:
        """`paths` are where the job's sources are."""
        self._job = job
        self._shelf = Shelf(folder, job)
        self._claims = Claims(folder / "claims")
        self._paths = paths
        self._text: tuple[int, Text] | None = None
        """The source that is being read: a corpus may have more than can be open."""
        self._asking = asking
        self._num_calls = num_calls
        self._places = self._shelf.places()
        self._summary = Summary(lines=sum(source.lines for source in job.sources))
        # Enough that no call waits for the last ones of a shard.
        self._ahead = 1 + -(-num_calls * MAX_TEXTS // job.lines_per_shard)

    @property
    def bytes_left(self) -> int:
        """Of sources, to be translated by this process or others."""
        return sum(
            self._job.sources[place.source].shards[place.shard].size
            for place in self._left_of(self._places)
        )

    def run(self, done: Callable[[list[str]], None] = lambda texts: None) -> Summary:
        """`done` hears the lines that this process has translated.

        Raises OnnxlateErrors; what is done then stays.
        """
        pending = self._left_of(self._places)
        left = sum(map(self._num_lines, pending))
        self._summary.lines_before = self._summary.lines - left
        with self._claims:
            while pending := self._left_of(pending):
                if not self._translate(pending, done):
                    time.sleep(POLL_S)  # others have them, or die and leave them
            for source in range(len(self._job.sources)):
                self._put_together(source)
        counts: Counter[str] = Counter()
        for source in range(len(self._job.sources)):
            counts += self._shelf.warning_counts(source)
        self._summary.warning_counts = dict(counts)
        self._shelf.clear()
        return self._summary

    def close(self) -> None:
        if self._text:
            self._text[1].close()
            self._text = None

    def _left_of(self, places: Iterable[Place]) -> list[Place]:
        return [place for place in places if not self._shelf.has(place)]

    def _num_lines(self, place: Place) -> int:
        return self._job.sources[place.source].shards[place.shard].lines

    def _translate(
        self, pending: Iterable[Place], done: Callable[[list[str]], None]
    ) -> int:
        """How many shards it did."""
        under_way: deque[_UnderWay] = deque()
        num_done = 0
        with ThreadPoolExecutor(self._num_calls, "call") as pool:
            try:
                for place in self._claimed(pending):
                    under_way.append(self._begun(place, pool))
                    if len(under_way) > self._ahead:
                        done(self._finish(under_way.popleft()))
                    num_done += 1
                while under_way:
                    done(self._finish(under_way.popleft()))
            except BaseException:
                self._asking.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return num_done

    def _claimed(self, pending: Iterable[Place]) -> Iterator[Place]:
        for place in pending:
            if not self._claims.take(place.number):
                continue
            # Whoever had it may have done it since we looked.
            if self._shelf.has(place):
                self._claims.give_back(place.number)
            else:
                yield place

    def _begun(self, place: Place, pool: ThreadPoolExecutor) -> _UnderWay:
        shard = self._job.sources[place.source].shards[place.shard]
        texts = self._text_of(place.source).lines(shard)
        calls = [texts[at : at + MAX_TEXTS] for at in range(0, len(texts), MAX_TEXTS)]
        futures = [pool.submit(self._asking.lines, call) for call in calls]
        return _UnderWay(place, texts, futures)

    def _text_of(self, source: int) -> Text:
        if self._text is None or self._text[0] != source:
            self.close()
            self._text = source, Text(self._paths[source])
        return self._text[1]

    def _finish(self, one: _UnderWay) -> list[str]:
        lines = [line for future in one.lines for line in future.result()]
        self._shelf.put(one.place, lines)
        self._claims.give_back(one.place.number)
        self._summary.lines_here += len(lines)
        return one.texts

    def _put_together(self, source: int) -> None:
        number = len(self._places) + source
        while not self._shelf.finished(source):
            if not self._claims.take(number):
                time.sleep(POLL_S)
                continue
            if not self._shelf.finished(source):
                self._shelf.put_together(source)
            self._claims.give_back(number)
