"""Products and their borders, against numpy: each size of block, each way out of it."""

import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from onnxlate_serving.native import library as compiled
from onnxlate_serving.native.library import PANEL, Batch, Kind, Library, Op

if compiled.library() is None:
    pytest.skip("nothing was compiled: no compiler?", allow_module_level=True)

Matrix = npt.NDArray[Any]

INPUTS = 12
ZERO, STEP = 3, 0.5


def address(array: Matrix) -> int:
    return int(array.ctypes.data)


def run(library: Library, op: Op, x: Matrix, to: Matrix) -> Matrix:
    """One step from slot 0 to slot 1."""
    slots = (ctypes.c_void_p * 2)(address(x), address(to))
    batch = Batch(rows=len(x), slots=ctypes.addressof(slots))
    positions = np.zeros(len(x), np.int64)
    library.run((Op * 1)(op), batch, address(positions), None)
    return to


class Product:
    """Random numbers, as one of the three kinds of product has them."""

    def __init__(self, kind: Kind, outputs: int, has_bias: bool) -> None:
        draw = np.random.default_rng(outputs)
        padded = -(-outputs // PANEL) * PANEL
        self.kind, self.outputs = kind, outputs
        self.scales = draw.uniform(0.001, 0.01, padded).astype(np.float32)
        self.offsets = draw.integers(-2000, 2000, padded).astype(np.int32)
        self.bias = draw.normal(size=padded).astype(np.float32) if has_bias else None
        if kind == Kind.PRODUCT:
            self.matrix: Matrix = draw.normal(size=(outputs, INPUTS)).astype(np.float32)
        else:
            self.matrix = draw.integers(-63, 64, (outputs, INPUTS)).astype(np.int8)

    def x(self, rows: int) -> Matrix:
        draw = np.random.default_rng(rows)
        if self.kind == Kind.PRODUCT:
            return draw.normal(size=(rows, INPUTS)).astype(np.float32)
        return draw.integers(0, 256, (rows, INPUTS)).astype(np.uint8)

    def by(self, library: Library, x: Matrix) -> Matrix:
        packed = library.packed(self.matrix)
        op = Op(
            kind=self.kind,
            source=0,
            to=1,
            inputs=INPUTS,
            outputs=self.outputs,
            zero=ZERO,
            weight=address(packed),
            scales=address(self.scales),
            offsets=address(self.offsets),
            bias=None if self.bias is None else address(self.bias),
        )
        dtype = np.uint8 if self.kind == Kind.PRODUCT_BYTES else np.float32
        return run(library, op, x, np.full((len(x), self.outputs), 77, dtype))

    def expected(self, x: Matrix) -> Matrix:
        wide: npt.DTypeLike = np.float64 if self.kind == Kind.PRODUCT else np.int64
        y = x.astype(wide) @ self.matrix.T.astype(wide)
        if self.kind != Kind.PRODUCT:
            y = (y - self.offsets[: self.outputs]) * self.scales[: self.outputs]
        if self.kind == Kind.PRODUCT_BYTES:
            return np.clip(np.rint(y.astype(np.float32)) + ZERO, 0, 255)
        return y if self.bias is None else y + self.bias[: self.outputs]


def products() -> Iterator[Product]:
    for outputs in (1, 7, 16, 37, 70, 144):
        for has_bias in (False, True):
            yield Product(Kind.PRODUCT, outputs, has_bias)
            yield Product(Kind.PRODUCT_INT8, outputs, has_bias)
        yield Product(Kind.PRODUCT_BYTES, outputs, has_bias=False)


def test_products_of_all_sizes_are_numpys(library: Library) -> None:
    for product in products():
        for rows in range(1, 26):
            x = product.x(rows)

            found = product.by(library, x).astype(np.float64)

            np.testing.assert_allclose(found, product.expected(x), 1e-4, 1e-4)


def test_a_row_of_a_product_is_the_same_to_the_last_bit_in_any_company(
    library: Library,
) -> None:
    for product in products():
        x = product.x(25)
        alone = np.concatenate([product.by(library, x[i : i + 1]) for i in range(25)])
        for rows in range(2, 26):
            together = product.by(library, np.ascontiguousarray(x[:rows]))
            np.testing.assert_array_equal(together, alone[:rows])


@pytest.mark.parametrize("width", [1, 5, 8, 16, 23])
def test_whatever_a_number_is_it_becomes_the_nearest_byte(
    library: Library, width: int
) -> None:
    numbers = [np.nan, np.inf, -np.inf, 3e38, -3e38, 1e10, -1e10, 0.0, -0.0]
    numbers += [0.25, 0.75, 1.25, -0.25, -0.75, -1.5, -2.0, 125.9, 126.0, 126.5]
    x = np.resize(np.array(numbers, np.float32), (len(numbers), width))
    op = Op(kind=Kind.QUANTIZE, source=0, to=1, inputs=width, zero=ZERO, number=STEP)

    found = run(library, op, x, np.full(x.shape, 77, np.uint8))

    nearest = np.rint(np.clip(x.astype(np.float64) / STEP, -1000, 1000)) + ZERO
    expected = np.where(np.isnan(x), 0, np.clip(nearest, 0, 255))
    np.testing.assert_array_equal(found, expected)
