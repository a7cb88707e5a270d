import numpy as np
import numpy.typing as npt
import pytest

from onnxlate.bundle import Bundle, ModelInfo
from onnxlate_serving.binding import CacheBinder
from onnxlate_serving.block import Block, HostStorage, Storage
from onnxlate_serving.decoder_state import (
    MOST_IN_VAIN,
    DecoderState,
    roomy,
    rounded,
    spacious,
)
from onnxlate_serving.device_block import DeviceStorage, RowGraphs

FLOAT = np.dtype("float32")


@pytest.fixture(params=["host", "device"])
def storage(bundle: Bundle, request: pytest.FixtureRequest) -> Storage:
    model = bundle.manifest.model
    if request.param == "host":
        return HostStorage(model, FLOAT)
    return DeviceStorage(model, FLOAT, RowGraphs("cpu"))


@pytest.fixture
def state(bundle: Bundle, storage: Storage) -> DecoderState:
    return DecoderState(CacheBinder(bundle.manifest.model, FLOAT), storage, 8)


def test_a_long_source_makes_room_and_takes_it_away_again(
    state: DecoderState, storage: Storage
) -> None:
    state.join(storage.zeros(1, 8), [5], begin_id=2)
    assert state.sizes == (8, 56)

    state.join(storage.zeros(1, 72), [70], begin_id=2)
    assert state.sizes == (72, 56)

    for _ in range(MOST_IN_VAIN):
        state.move([], num_places=1)
        state.join(storage.zeros(1, 8), [3], begin_id=2)
        assert state.sizes == (72, 56)
    state.move([], num_places=1)
    state.join(storage.zeros(1, 8), [3], begin_id=2)
    assert state.sizes == (8, 56)


def test_room_stays_where_long_sources_come_now_and_then(
    state: DecoderState, storage: Storage
) -> None:
    state.join(storage.zeros(1, 8), [5], begin_id=2)
    for number in range(3 * MOST_IN_VAIN):
        long = number % MOST_IN_VAIN == 0
        length = 70 if long else 3
        state.join(storage.zeros(1, 72 if long else 8), [length], begin_id=2)
        assert state.sizes == (72, 56)
        state.move([], num_places=1)


def test_memory_of_very_long_sentences_is_not_kept(bundle: Bundle) -> None:
    model = bundle.manifest.model
    storage = HostStorage(model, FLOAT)
    state = DecoderState(CacheBinder(model, FLOAT), storage, 8)

    def peak(length: int) -> int:
        """Positions that there is memory for, when one such sentence is there."""
        state.join(storage.zeros(1, length), [length], begin_id=2)
        state.move([], num_places=0)
        return state._cross.spare_length

    assert peak(8) == 8
    assert peak(120) == 120
    assert peak(8) == 120
    assert peak(240) == 240
    assert peak(8) == 8


def test_there_is_room_for_the_step_that_was_prepared_and_no_target_grows_too_long(
    bundle: Bundle,
) -> None:
    model = bundle.manifest.model
    storage = HostStorage(model, np.float32)
    state = DecoderState(CacheBinder(model, np.float32), storage, max_rows=2)
    state.welcome([4, 2], begin_id=2)
    rooms = []
    for _ in range(4):
        state.advance()
        rooms.append(state.room(3))

    # Whoever goes on beyond the longest is refused by the model, one step at a time.
    assert rooms == [3, 2, 1, 1]


def test_sizes_are_rounded_up_to_multiples_of_eight() -> None:
    assert [rounded(length) for length in (1, 8, 9)] == [8, 8, 16]


def test_room_to_grow_is_never_a_multiple_of_thirty_two() -> None:
    assert [roomy(length) for length in (1, 56, 57, 73)] == [56, 56, 72, 88]
    assert [spacious(length) for length in (1, 56, 57, 121)] == [56, 56, 120, 248]
    assert all(room(n) % 32 for room in (roomy, spacious) for n in range(1, 500))


def written(block: Block, model: ModelInfo, num_rows: int) -> npt.NDArray[np.float32]:
    """Reads a block through the very addresses that onnxruntime is given."""
    import ctypes

    shape = (num_rows, model.heads, block.length, model.head_width)
    entries = []
    for index in range(2 * model.decoder_layers):
        kind = ctypes.c_float * int(np.prod(shape))
        memory = kind.from_address(block.pointer(index))
        entries.append(np.ctypeslib.as_array(memory).reshape(shape).copy())
    return np.stack(entries)


def numbered(storage: Storage, model: ModelInfo, rows: int, length: int) -> Block:
    """A block whose numbers all differ, written through its addresses."""
    import ctypes

    block = storage.zeros(rows, length)
    size = rows * model.heads * length * model.head_width
    for index in range(2 * model.decoder_layers):
        memory = (ctypes.c_float * size).from_address(block.pointer(index))
        np.ctypeslib.as_array(memory)[:] = np.arange(size) + index * size
    return block


def test_copying_moves_what_matters_of_whole_rows(
    bundle: Bundle, storage: Storage
) -> None:
    model = bundle.manifest.model
    block = numbered(storage, model, rows=4, length=8)
    before = written(block, model, 4)

    block.copy([(1, 0), (3, 1)], num_rows=3, lengths=[8, 5])

    after = written(block, model, 3)
    np.testing.assert_array_equal(after[:, 0], before[:, 1])
    np.testing.assert_array_equal(after[:, 1, :, :5], before[:, 3, :, :5])
    np.testing.assert_array_equal(after[:, 2], before[:, 2])


def test_resizing_keeps_what_fits_and_adds_zeros(
    bundle: Bundle, storage: Storage
) -> None:
    model = bundle.manifest.model
    block = numbered(storage, model, rows=2, length=8)
    before = written(block, model, 2)

    block.resize(12, num_rows=2)
    longer = written(block, model, 2)
    block.resize(4, num_rows=2)
    shorter = written(block, model, 2)

    np.testing.assert_array_equal(longer[:, :, :, :8], before)
    assert not longer[:, :, :, 8:].any()
    np.testing.assert_array_equal(shorter, before[:, :, :, :4])


def test_shorter_newcomers_stand_behind(bundle: Bundle, storage: Storage) -> None:
    model = bundle.manifest.model
    block = storage.zeros(4, 8)
    old = numbered(storage, model, rows=2, length=8)
    new = numbered(storage, model, rows=1, length=3)

    block.put(0, old, times=1)
    block.put(2, new, times=1)

    after = written(block, model, 3)
    np.testing.assert_array_equal(after[:, :2], written(old, model, 2))
    np.testing.assert_array_equal(after[:, 2:, :, :3], written(new, model, 1))


def test_a_source_may_be_written_more_than_once(
    bundle: Bundle, storage: Storage
) -> None:
    model = bundle.manifest.model
    block = storage.zeros(4, 8)
    new = numbered(storage, model, rows=2, length=8)

    block.put(0, new, times=2)

    after = written(block, model, 4)
    np.testing.assert_array_equal(after, written(new, model, 2)[:, [0, 0, 1, 1]])
