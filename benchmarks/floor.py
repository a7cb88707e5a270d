"""How near a step of our decoder is to what the machine allows; ours alone.

A step has to read its weights and caches, and to multiply with the weights. Whichever
takes longer is the floor: one thread, weights read from where they fit, and each
product as fast as it is in a graph of its own.
"""

from collections import Counter
from collections.abc import Iterator

from onnxlate.bundle import Bundle

from .analysis_cells import FloorCell
from .decoder_step import DecoderStep, products_of
from .figures import search_name
from .limits import product_seconds, read_seconds
from .stats import median
from .suite import Suite
from .timing_models import Precision, TimingModel

ROWS = (1, 8, 64)

SHARE = 1 / 20
"""Of a round's seconds, for each figure: there are dozens in a cell."""


def floor(suite: Suite) -> Iterator[FloorCell]:
    for model in suite.models():
        for precision in suite.precisions:
            for rows in ROWS:
                yield measure(suite, model, precision, rows)


def measure(
    suite: Suite, model: TimingModel, precision: Precision, rows: int
) -> FloorCell:
    seconds = suite.round_seconds * SHARE
    bundle = Bundle.open(model.bundle(precision))
    step = DecoderStep(bundle, rows)
    products = products_of(bundle.decoder, step.rough)
    weight_bytes = sum(each.num_bytes for each in products)
    num_bytes = weight_bytes + step.cache_bytes
    memory_ms = 1000 * read_seconds(num_bytes, seconds)
    compute_ms = 1000 * sum(
        times * product_seconds(product, rows, seconds)
        for product, times in Counter(products).items()
    )
    # Its own turn is longer: typical steps are to be compared with the best of reads.
    measured_ms = 1000 * median(step.seconds(4 * seconds))
    floor_ms = max(memory_ms, compute_ms)
    return FloorCell(
        model=model.name,
        precision=precision,
        search=search_name(1),
        batch=rows,
        ours=measured_ms,
        theirs=None,
        ratio=None,
        weight_bytes=weight_bytes,
        bytes=num_bytes,
        flops=sum(each.flops(rows) for each in products),
        memory_ms=memory_ms,
        compute_ms=compute_ms,
        floor_ms=floor_ms,
        measured_ms=measured_ms,
        near=floor_ms / measured_ms,
    )
