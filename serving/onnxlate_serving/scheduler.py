"""Who runs next.

The scheduler deals in rows and tokens. It holds no arrays, reads no clock and
awaits nothing, so every decision it can make is a plain function call in a test.
"""

from collections.abc import Iterator, Sequence

from onnxlate.errors import InvalidRequest, Overloaded

from .config import FULL, SchedulerConfig
from .request import Request
from .step import Step
from .waiting import Waiting

LATE = 2.0
"""One of a hundred waits 1.8 to 2 times as long as the latest sentences make likely:
some of those ahead keep rows for long, and others take CPUs for a while."""


class Scheduler:
    """Continuous batching: the batch is decided anew before every token."""

    def __init__(self, config: SchedulerConfig) -> None:
        self._config = config
        self._max_rows = config.max_rows or FULL
        self._waiting = Waiting()
        # Dictionaries as ordered sets: leaving must not cost a search.
        self._running: dict[Request, None] = {}
        self._num_rows = 0
        # Groups of those whose step failed, the next one last; while one of them runs
        # nobody else does.
        self._suspects: list[list[Request]] = []
        self._apart = False

    @property
    def num_waiting(self) -> int:
        return len(self._waiting) + sum(map(len, self._suspects))

    @property
    def num_waiting_tokens(self) -> int:
        return self._waiting.num_tokens

    @property
    def max_rows(self) -> int:
        return self._max_rows

    @property
    def num_rows(self) -> int:
        """Rows that are taken."""
        return self._num_rows

    @property
    def may_join(self) -> bool:
        """Whether somebody waits for whom there are rows now."""
        free = self._max_rows - self._num_rows
        return bool(self._waiting) and self._waiting.next().num_rows <= free

    def turns_ahead(self, caller: str = "") -> int:
        """How often all rows become free before a new call of this caller has some."""
        return int(self._waiting.rows_ahead(caller) // self._max_rows)

    def add(
        self,
        requests: Sequence[Request],
        caller: str = "",
        seconds_a_token: float = 0.0,
    ) -> None:
        """Takes the requests of one call, all of them or none.

        Raises InvalidRequest for a beam that never fits, Overloaded if too much is
        waiting already, unless less than others have waits for this caller.
        """
        for request in requests:
            if request.num_rows > self._max_rows:
                raise InvalidRequest(
                    f"beam_size is {request.num_rows}; "
                    f"this server decodes {self._max_rows} rows"
                )
        if requests:
            self.check_room(caller, seconds_a_token)
        self._waiting.add(requests, caller)

    def check_room(self, caller: str = "", seconds_a_token: float = 0.0) -> None:
        """Raises Overloaded if no call of this caller would be taken now.

        `seconds_a_token` is how long rows are taken for a token of a source; 0 where
        nobody knows yet.
        """
        if not self._waiting:
            return
        fullness, what = max(self._fullness(seconds_a_token))
        # Nobody is kept out by others who have filled it, up to a second bound.
        if fullness < 1 or (fullness < 2 and not self._waiting.has_its_share(caller)):
            return
        raise Overloaded(f"{what} are waiting already; try again later")

    def _fullness(self, seconds_a_token: float) -> Iterator[tuple[float, str]]:
        """What waits of each bound, and in words."""
        waiting, config = self._waiting, self._config
        texts, tokens = len(waiting), waiting.num_tokens
        yield texts / config.max_waiting, f"{texts} texts"
        yield tokens / config.max_waiting_tokens, f"{tokens} tokens"
        if config.max_waiting_seconds is not None:
            # Of searches with wide beams, a few fill most of the rows and never all.
            wide = waiting.num_rows // texts
            rows = self._max_rows - self._max_rows % wide
            free = self._max_rows - self._num_rows
            # Whoever fits into free rows joins at the next step, and hardly waits.
            left = max(0, waiting.num_rows - (free - free % wide)) / waiting.num_rows
            seconds = left * waiting.work / rows * seconds_a_token
            late = LATE * seconds / config.max_waiting_seconds
            yield late, f"{seconds:.1f} s of work"

    def schedule(self) -> Step:
        """Everyone running decodes; whoever fits joins them, by turns."""
        joining = self._next_suspects() if self._suspects or self._apart else []
        hurried = False
        if not self._apart:
            joining, hurried = self._admit()
        self._running.update(dict.fromkeys(joining))
        self._num_rows += sum(request.num_rows for request in joining)
        return Step(tuple(joining), tuple(self._running), hurried)

    def finish(self, request: Request) -> bool:
        """Takes a request out, done or cancelled, waiting or running; says whether it
        was running."""
        if request in self._running:
            del self._running[request]
            self._num_rows -= request.num_rows
            return True
        elif request in self._waiting:
            self._waiting.remove(request)
        else:
            for group in self._suspects:
                if request in group:
                    group.remove(request)
        return False

    def part(self, requests: Sequence[Request]) -> None:
        """Has those of a failed step start again, in two halves that do not meet.

        Whichever half fails is parted again, until one is left that fails alone.
        """
        staying = [request for request in requests if request in self._running]
        for request in staying:
            self.finish(request)
        middle = len(staying) // 2
        self._suspects += [staying[middle:], staying[:middle]]

    def _next_suspects(self) -> list[Request]:
        """The next group, once those before are through; says whether all are."""
        if self._running and self._apart:
            return []
        while self._suspects:
            if group := self._suspects.pop():
                self._apart = True
                return group
        self._apart = False
        return []

    def _admit(self) -> tuple[list[Request], bool]:
        """Who joins, and whether others have rows but must wait for the next step."""
        joining: list[Request] = []
        free_rows = self._max_rows - self._num_rows
        # Who decodes already waits for the encoder too, so newcomers join bit by bit.
        room = (
            self._config.max_joining_tokens
            if self._running
            else self._config.max_encode_tokens
        )
        while self._waiting:
            request = self._waiting.next()
            room -= len(request.source_ids)
            if request.num_rows > free_rows:
                break  # nobody overtakes, so nobody starves
            # A lone source always fits, or it would wait for ever.
            if room < 0 and joining:
                return joining, True
            joining.append(self._waiting.take())
            free_rows -= request.num_rows
        return joining, False
