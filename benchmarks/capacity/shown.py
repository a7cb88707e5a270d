"""The figures as tables, for a terminal and for a page alike."""

from collections.abc import Iterator, Sequence

from ..figures import search_name
from ..tables import Rows, markdown_table
from .figures import CallCost, CapacityFigures, LoadFigure, PlanRow, Waits


def tables(figures: CapacityFigures) -> Iterator[Rows]:
    for search in figures.searches:
        name = search_name(search.beam_size)
        costs = search.costs
        steps = ", ".join(
            f"{sentences}: {1000 * seconds:.2f}"
            for sentences, seconds in zip(costs.sentences, costs.steps, strict=True)
        )
        yield Rows(
            title=f"{name}: CPU of one replica for a call",
            headings=[
                *("callers", "calls/s", "CPU ms a call", "of it engine", "by itself"),
                *("CPU µs a word", "sentences a step", "cores"),
            ],
            rows=[_call(each) for each in search.calls],
            foot=(
                f"{search.words:.1f} words and {search.steps:.1f} steps a sentence. In "
                f"a server, {search.dearer:.2f} times as dear as by itself, a step "
                f"takes, in ms by sentences in it, {steps}; when somebody joins "
                f"{1000 * costs.join:.2f} more and {1e6 * costs.source_token:.0f} µs a "
                f"source token; a call beside the engine {1000 * costs.call:.2f} ms."
            ),
        )
        yield Rows(
            title=f"{name}: waits in ms, measured / simulated / by the model",
            headings=[
                *("replicas", "load", "calls/s", "mean", "p50", "p99"),
                *(f"within {search.limit_ms:.0f} ms", "others' cores"),
            ],
            rows=[_load(each) for each in search.loads],
            foot=(
                f"A replica bears {search.capacity:.0f} calls a second at most; up to "
                f"{search.best_rate:.0f}, 99 % are within {search.limit_ms:.0f} ms."
            ),
        )
        yield Rows(
            title=f"{name}: what a load takes",
            headings=[
                *("calls/s", "replicas", "of them spare", "cores", "memory GB"),
                "network Mbit/s",
            ],
            rows=[_plan(each) for each in search.plan],
            foot=(
                f"99 % within {search.limit_ms:.0f} ms. A replica has a core and "
                f"{search.resident_mb:.0f} MB; a call moves {search.bytes_a_call:.0f} "
                "bytes."
            ),
        )


def page(shown: Sequence[Rows]) -> str:
    """The tables with their titles, in Markdown."""
    return "\n\n".join(f"{each.title}:\n\n{markdown_table(each)}" for each in shown)


def _call(cost: CallCost) -> list[str]:
    return [
        str(cost.callers),
        f"{cost.calls_a_second:.0f}",
        f"{cost.cpu_ms:.2f}",
        f"{cost.engine_ms:.2f}",
        f"{cost.expected_ms:.2f}",
        f"{cost.word_us:.0f}",
        f"{cost.sentences_a_step:.1f}",
        f"{cost.cores:.2f}",
    ]


def _load(figure: LoadFigure) -> list[str]:
    sides = [figure.measured, figure.simulated]
    model = "∞" if figure.model_mean is None else f"{figure.model_mean:.0f}"
    return [
        str(figure.replicas),
        f"{figure.share:.0%}",
        f"{figure.rate:.0f}",
        " / ".join([*(_ms(each, "mean") for each in sides), model]),
        " / ".join(_ms(each, "p50") for each in sides),
        " / ".join(_ms(each, "p99") for each in sides),
        " / ".join("–" if each is None else f"{each.within:.1%}" for each in sides),
        "–" if figure.others_cores is None else f"{figure.others_cores:.2f}",
    ]


def _ms(waits: Waits | None, name: str) -> str:
    return "–" if waits is None else f"{getattr(waits, name):.0f}"


def _plan(row: PlanRow) -> list[str]:
    return [
        f"{row.rate:,.0f}",
        f"{row.replicas:,}",
        f"{row.spare:,}",
        f"{row.cores:,.0f}",
        f"{row.memory_gb:,.1f}",
        f"{row.megabits:,.2f}",
    ]
