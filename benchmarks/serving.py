"""Through gRPC, calls arriving at random: how many are answered soon enough.

The load rises in steps, the same for both servers and in turn; between the last that a
server bore and the first that it did not, others are tried. What counts is goodput:
answers a second that came within a limit. The limit is five times what a caller waits
who is alone with the slower server, unless it is given.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

from onnxlate.v1 import translation_pb2 as pb

from .figures import LoadPoint, ServingCell, search_name
from .load import Call, Load, closed_loop, open_loop, poisson_arrivals
from .ours import server_command
from .server_process import ServerProcess
from .settings import CTranslate2ServerSettings, CTranslate2Settings
from .side_by_side import QUIET_S
from .stats import median, percentile
from .suite import Case, Suite
from .sweep import thread_settings
from .workload import MAX_TARGET_TOKENS, forced_length

LOADS = (0.25, 0.5, 0.75, 0.9, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 5.0)
"""Calls a second, in parts of what CTranslate2's server can do at all."""

LIMIT_FACTOR = 5.0

WITHIN = 0.99
"""Share of the calls that must be answered within the limit for a load to be borne."""

HALVINGS = 3
"""Of the step in which a server no longer bears the load: an eighth of it is left."""

DROWNED = 0.5
"""A server with less than this share within the limit is spared higher loads."""

MIN_CALLS, MAX_CALLS = 100, 20_000
"""At one load, however slow or fast it goes."""

CALLERS = 64
"""Enough to keep either server's batches full."""

NUM_ALONE = 40
"""Calls of a caller who is alone."""

BATCH_SIZES = (16, 64)
"""Other than 32, that are tried."""

TIMEOUT_FACTOR = 4.0
"""Callers hang up after so many limits; nobody counts them by then."""


def serving(suite: Suite) -> Iterator[ServingCell]:
    for case in suite.cases():
        yield measure(suite, case)


def measure(suite: Suite, case: Case) -> ServingCell:
    first = _first_settings(case)
    with suite.cores.for_server():  # what is best goes by how many there are
        found = suite.kept(f"serving, {case.name}", first, lambda: swept(suite, case))
    settings = first.model_copy(
        update={
            "translator": found.translator.at(first.translator.model),
            "max_batch_size": found.max_batch_size,
        }
    )
    load = load_of(suite, case)
    our_settings = suite.ours_for(case.model, case.precision)
    with ExitStack() as stack:
        with suite.cores.for_server():
            ours, theirs = (
                stack.enter_context(each)
                for each in (
                    ServerProcess(server_command(our_settings), {}),
                    server_process(settings),
                )
            )
        stack.enter_context(suite.cores.for_load())
        for server in (ours, theirs):
            capacity(server, load, suite.sweep_seconds)  # the first ones make room
        most = capacity(theirs, load, suite.round_seconds)
        limit_ms = suite.limit_ms or LIMIT_FACTOR * max(
            alone_ms(server, load) for server in (ours, theirs)
        )
        trial = Trial(
            *((ours, theirs), load, limit_ms, suite.round_seconds, suite.rounds)
        )
        trial.rise([share * most for share in LOADS])
        trial.narrow()
        our_points, their_points = trial.points
        our_memory, their_memory = ours.memory, theirs.memory
    saturation = _lowest_not_borne(_under_both(their_points, our_points))
    equal = _highest_borne_by_both(our_points, their_points)
    return ServingCell(
        model=case.model.name,
        precision=case.precision,
        search=search_name(case.beam_size),
        ours=best_goodput(our_points),
        theirs=best_goodput(their_points),
        ratio=_ratio(best_goodput(our_points), best_goodput(their_points)),
        limit_ms=limit_ms,
        our_points=our_points,
        their_points=their_points,
        their_saturation=saturation,
        ratio_at_saturation=_ratio(
            _goodput_at(saturation, our_points), _goodput_at(saturation, their_points)
        ),
        equal_load=equal[0].rate if equal else None,
        our_p50=equal[0].p50 if equal else None,
        our_p99=equal[0].p99 if equal else None,
        their_p50=equal[1].p50 if equal else None,
        their_p99=equal[1].p99 if equal else None,
        our_memory=our_memory,
        their_memory=their_memory,
        our_settings=our_settings,
        their_settings=settings,
    )


def swept(suite: Suite, case: Case) -> CTranslate2ServerSettings:
    """The settings with which CTranslate2's server answers most calls a second."""
    load = load_of(suite, case)

    def speed(settings: CTranslate2ServerSettings) -> float:
        with server_process(settings) as server, suite.cores.for_load():
            capacity(server, load, 0.0)  # the first ones make room
            return capacity(server, load, 2 * suite.sweep_seconds)

    first = _first_settings(case)
    best = max(
        (
            first.model_copy(update={"translator": each})
            for each in thread_settings(first.translator, case.precision)
        ),
        key=speed,
    )
    others = [best.model_copy(update={"max_batch_size": size}) for size in BATCH_SIZES]
    return max([best, *others], key=speed)


def _first_settings(case: Case) -> CTranslate2ServerSettings:
    translator = CTranslate2Settings(model=case.model.ctranslate2(case.precision))
    return CTranslate2ServerSettings(
        translator=translator,
        source_tokenizer=case.model.tokenizer_path,
        target_tokenizer=case.model.target_tokenizer_path,
    )


def load_of(suite: Suite, case: Case) -> Load:
    """A random model's targets are all as long as the median source, which suits
    CTranslate2: its batches end when their longest target does."""
    model = case.model
    longest = min(MAX_TARGET_TOKENS, model.max_tokens)
    if model.forced:
        lengths = [len(source) for source in suite.sources(model)]
        longest = forced_length(int(median(lengths)))
    options = pb.TranslateOptions(beam_size=case.beam_size, max_target_tokens=longest)
    return Load(suite.texts_for(model), options, timeout_s=60.0)


def server_process(settings: CTranslate2ServerSettings) -> ServerProcess:
    command = [sys.executable, "-m", "benchmarks.ctranslate2_server"]
    command.append(settings.model_dump_json())
    return ServerProcess(command, settings.translator.environment)


def capacity(server: ServerProcess, load: Load, seconds: float) -> float:
    """Calls answered a second where there are always some waiting."""
    time.sleep(QUIET_S)
    _, took = asyncio.run(closed_loop(server.address, load, CALLERS, CALLERS))
    count = CALLERS * max(1, round(seconds / took))
    _, took = asyncio.run(closed_loop(server.address, load, CALLERS, count))
    return count / took


def alone_ms(server: ServerProcess, load: Load) -> float:
    """Median wait of a caller who is alone."""
    time.sleep(QUIET_S)
    calls, _ = asyncio.run(closed_loop(server.address, load, 1, NUM_ALONE))
    return 1000 * median([call.seconds for call in calls])


class Trial:
    """Servers under the same loads, in turn, and what came of it."""

    def __init__(
        self,
        servers: Sequence[ServerProcess],
        load: Load,
        limit_ms: float,
        seconds: float,
        rounds: int,
    ) -> None:
        """`rounds` times so many `seconds` under each load."""
        self._servers = servers
        self._load = Load(load.texts, load.options, TIMEOUT_FACTOR * limit_ms / 1000)
        self._limit_ms = limit_ms
        self._seconds, self._rounds = seconds, rounds
        self._num_arrivals = 0
        self.points: list[list[LoadPoint]] = [[] for _ in servers]
        """Of each server, in rising order."""

    def rise(self, rates: Sequence[float]) -> None:
        """Each server under each load, until it drowns."""
        for rate in rates:
            afloat = [
                side
                for side, theirs in enumerate(self.points)
                if not theirs or theirs[-1].within >= DROWNED
            ]
            self._measure(dict.fromkeys(afloat, rate))

    def narrow(self) -> None:
        """Finds out what each bears at most, to an eighth of the step it fell at."""
        for _ in range(HALVINGS):
            gaps = {side: _gap(points) for side, points in enumerate(self.points)}
            self._measure({side: sum(gap) / 2 for side, gap in gaps.items() if gap})

    def _measure(self, rates: Mapping[int, float]) -> None:
        """So many calls a second for each server in question."""
        tries: dict[int, list[LoadPoint]] = {side: [] for side in rates}
        for _ in range(self._rounds):
            for side, rate in rates.items():
                time.sleep(QUIET_S)
                tries[side].append(self._try(self._servers[side], rate))
            self._num_arrivals += 1  # others the next time, the same for all servers
        for side, points in tries.items():
            self.points[side].append(typical(points))
            self.points[side].sort(key=lambda each: each.rate)

    def _try(self, server: ServerProcess, rate: float) -> LoadPoint:
        count = min(max(round(rate * self._seconds), MIN_CALLS), MAX_CALLS)
        arrivals = poisson_arrivals(rate, count, seed=self._num_arrivals)
        calls = asyncio.run(open_loop(server.address, self._load, arrivals))
        return point(rate, calls, self._limit_ms)


def _gap(points: Sequence[LoadPoint]) -> tuple[float, float] | None:
    """The highest load that was borne, and the lowest beyond that was not."""
    borne = max((each.rate for each in points if _borne(each)), default=0.0)
    beyond = [each.rate for each in points if each.rate > borne]
    return (borne, min(beyond)) if beyond else None


def typical(tries: Sequence[LoadPoint]) -> LoadPoint:
    """The one in the middle by the share within the limit."""
    return sorted(tries, key=lambda each: (each.within, each.goodput))[len(tries) // 2]


def point(rate: float, calls: Sequence[Call], limit_ms: float) -> LoadPoint:
    waits_ms = [1000 * call.seconds for call in calls if call.answered]
    within = sum(wait <= limit_ms for wait in waits_ms)
    return LoadPoint(
        rate=rate,
        calls=len(calls),
        within=within / len(calls),
        goodput=rate * within / len(calls),
        p50=percentile(waits_ms, 50) if waits_ms else None,
        p99=percentile(waits_ms, 99) if waits_ms else None,
    )


def best_goodput(points: Sequence[LoadPoint]) -> float:
    """At the highest load that was borne; 0 if none was."""
    return max((each.goodput for each in points if _borne(each)), default=0.0)


def _borne(point: LoadPoint) -> bool:
    return point.within >= WITHIN


def _lowest_not_borne(points: Sequence[LoadPoint]) -> float | None:
    return min((each.rate for each in points if not _borne(each)), default=None)


def _goodput_at(rate: float | None, points: Sequence[LoadPoint]) -> float | None:
    return next((each.goodput for each in points if each.rate == rate), None)


def _under_both(
    points: Sequence[LoadPoint], others: Sequence[LoadPoint]
) -> list[LoadPoint]:
    """Those of loads that the other server had, too."""
    rates = {each.rate for each in others}
    return [each for each in points if each.rate in rates]


def _highest_borne_by_both(
    ours: Sequence[LoadPoint], theirs: Sequence[LoadPoint]
) -> tuple[LoadPoint, LoadPoint] | None:
    pairs = zip(_under_both(ours, theirs), _under_both(theirs, ours), strict=True)
    both = [pair for pair in pairs if _borne(pair[0]) and _borne(pair[1])]
    return both[-1] if both else None


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None
