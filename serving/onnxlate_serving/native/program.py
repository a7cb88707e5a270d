"""A graph's steps, ready for any number of threads, and one thread's memory."""

import ctypes
import logging
import struct
from collections.abc import Callable, Iterable, Sequence
from threading import Lock

import numpy as np

from onnxlate.bundle import Bundle, GraphInfo, ModelInfo

from ..config import FEW
from .checks import Part, check
from .compiler import Compiler
from .files import MappedFiles
from .graph import Array, Graph, GraphFile
from .library import (
    PANEL,
    PRODUCTS,
    Ahead,
    Batch,
    BeamsAhead,
    Choice,
    Library,
    Op,
    Team,
)
from .steps import DECODED, ERROR, NUM_OUTSIDE, Numbers, Step, Unknown

log = logging.getLogger(__name__)

UNREADABLE = (
    *(Unknown, AttributeError, IndexError, KeyError, OSError, OverflowError),
    *(TypeError, ValueError, struct.error),
)
"""Whatever a file may lead to that is no graph of ours; onnxruntime says it better."""


class Program:
    """Steps with their weights, packed; shared by all who run them.

    Where there are scores of two kinds, the matrix of either is packed when somebody
    wants them for the first time: greedy search needs the rough ones alone, beams the
    exact ones, and most servers have not both.
    """

    def __init__(
        self, library: Library, steps: list[Step], files: MappedFiles | None = None
    ) -> None:
        """`files` are where the steps' arrays lie."""
        self.library = library
        self._files = files or MappedFiles()
        self._arrays: list[Array] = []  # what the steps point at
        self._steps = steps
        self._slots, self.row_bytes = _shared_slots(steps)
        self._packing = Lock()
        self._packed: dict[int, Op] = {}
        self._kinds: dict[str, ctypes.Array[Op]] = {}
        self._pack(at for at, step in enumerate(steps) if not step.only)

    @classmethod
    def of(
        cls,
        library: Library,
        bundle: Bundle,
        part: Part,
        files: MappedFiles | None = None,
    ) -> "Program | None":
        """None for a graph with steps that are not known here, or that is not what the
        manifest says."""
        manifest = bundle.manifest
        path = bundle.encoder if part == "encoder" else bundle.decoder
        said = manifest.encoder if part == "encoder" else manifest.decoder
        files = files or MappedFiles()
        try:
            graph = GraphFile(path, files).graph
            _compare(graph, said)
            steps = Compiler(graph, manifest.model.heads).compile()
            check(steps, manifest.model, part, screened=bundle.generator is not None)
            return cls(library, steps, files)
        except UNREADABLE as reason:
            log.info("%s is left to onnxruntime: %s", path.name, reason)
            return None

    @property
    def rough(self) -> "ctypes.Array[Op]":
        """To rough scores, and how far they may be off."""
        return self._kinds.get("rough") or self._make(
            "rough", lambda step: step.only != "exact"
        )

    @property
    def exact(self) -> "ctypes.Array[Op]":
        """The same of exact ones."""
        return self._kinds.get("exact") or self._make(
            "exact", lambda step: step.only != "rough"
        )

    @property
    def plain(self) -> "ctypes.Array[Op]":
        """To exact scores, and nothing else."""
        return self._kinds.get("plain") or self._make("plain", _is_plain)

    def _make(self, kind: str, wanted: Callable[[Step], bool]) -> "ctypes.Array[Op]":
        with self._packing:  # which two engines may want at once
            places = [at for at, step in enumerate(self._steps) if wanted(step)]
            self._pack(at for at in places if at not in self._packed)
            ops = [self._packed[at] for at in places]
            self._kinds[kind] = (Op * len(ops))(*ops)
        return self._kinds[kind]

    def _pack(self, places: Iterable[int]) -> None:
        for at in places:
            self._packed[at] = self._op(self._steps[at], self._slots)
        # What is packed has been read once, and tables are looked up row by row.
        self._files.forget()

    def _op(self, step: Step, slots: dict[int, int]) -> Op:
        source = step.source or step.to
        weight = step.weight
        if weight is not None and step.kind in PRODUCTS:
            weight = self.library.packed(weight)
        return Op(
            kind=step.kind,
            to=slots[step.to.slot],
            source=slots[source.slot],
            other=slots[(step.other or source).slot],
            inputs=_num_inputs(step),
            outputs=step.to.width,
            entry=step.entry if step.positions is None else len(step.positions),
            zero=step.zero,
            number=step.number,
            weight=self._address(weight),
            scales=self._address(_padded(step.scales, step)),
            offsets=self._address(_padded(step.offsets, step)),
            bias=self._address(_padded(step.bias, step)),
            positions=self._address(step.positions),
        )

    def _address(self, array: Array | None) -> int | None:
        if array is None:
            return None
        array = np.require(array, requirements=["C", "ALIGNED"])
        self._arrays.append(array)
        return int(array.ctypes.data)


def _num_inputs(step: Step) -> int:
    if step.source:
        return step.source.width
    return 0 if step.weight is None else len(step.weight)  # tokens of a table


def _is_plain(step: Step) -> bool:
    return step.only != "rough" and step.to.slot not in (ERROR, DECODED)


def _compare(graph: Graph, said: GraphInfo) -> None:
    """Raises Unknown where inputs and outputs are not as programs have them."""
    inputs, outputs = graph.inputs - set(graph.weights), graph.outputs
    for names, infos in ((inputs, said.inputs), (outputs, said.outputs)):
        if names != {each.name for each in infos}:
            raise Unknown("inputs or outputs are not those of the manifest")
        for each in infos:
            whole = each.name.endswith(("_ids", "_visible"))
            if not whole and each.dtype != "float32":
                raise Unknown(f"{each.name} is {each.dtype}")
            if each.name.startswith("cross_") and each.axes[0] != "sentences":
                raise Unknown(f"{each.name} stands there for each row")


def _padded(array: Array | None, step: Step) -> Array | None:
    """Whole panels, where they are read by panels."""
    if array is None or step.kind not in PRODUCTS:
        return array
    return np.pad(array, (0, -len(array) % PANEL))


def _shared_slots(steps: list[Step]) -> tuple[dict[int, int], list[int]]:
    """Which memory each slot of the steps gets, and how many bytes a row of it takes.

    Memory is taken again as soon as nobody reads what is in it.
    """
    last = {
        each.slot: at
        for at, step in enumerate(steps)
        for each in (step.to, step.source, step.other)
        if each
    }
    places = {each: each for each in range(NUM_OUTSIDE)}
    row_bytes = [0] * NUM_OUTSIDE
    free: dict[int, list[int]] = {}
    for at, step in enumerate(steps):
        size = _row_bytes(step.to)
        if step.to.slot not in places:
            if not free.get(size):
                row_bytes.append(size)
                free[size] = [len(row_bytes) - 1]
            places[step.to.slot] = free[size].pop()
        for each in {step.to, step.source, step.other} - {None}:
            assert each is not None
            if each.slot >= NUM_OUTSIDE and last[each.slot] == at:
                free.setdefault(_row_bytes(each), []).append(places[each.slot])
    return places, row_bytes


def _row_bytes(numbers: Numbers) -> int:
    return numbers.width * np.dtype(numbers.dtype).itemsize


class Memory:
    """What one thread needs to run a program."""

    def __init__(
        self,
        program: Program,
        model: ModelInfo,
        team: Team | None = None,
        few: int = FEW,
    ) -> None:
        """`team` helps with few rows; where there are more, other engines are busy."""
        self._program = program
        self._team, self._few = team, few
        self._rows = 0
        self._room = 0
        self.batch = Batch(heads=model.heads, head_width=model.head_width)

    def run(self, ops: "ctypes.Array[Op]", outside: Sequence[int] = ()) -> None:
        """Writes to the addresses of logits, error and decoded, as far as the steps
        make them. All else they need stands in `batch`."""
        self._prepare(outside)
        self._program.library.run(ops, self.batch, self._positions_at, self._helpers)

    def run_ahead(
        self,
        ops: "ctypes.Array[Op]",
        outside: Sequence[int],
        choice: Choice,
        ahead: Ahead,
        beams: BeamsAhead | None = None,
    ) -> int:
        """As `run`, again and again; how often."""
        self._prepare(outside)
        return self._program.library.run_ahead(
            *(ops, self.batch, self._positions_at, self._helpers),
            *(choice, ahead, beams),
        )

    @property
    def _helpers(self) -> Team | None:
        return self._team if self.batch.rows <= self._few else None

    def _prepare(self, outside: Sequence[int]) -> None:
        batch = self.batch
        if batch.rows > self._rows:
            self._make_rows(batch.rows)
        room = max(batch.cross_room, batch.past_room)
        if room > self._room:
            self._weights = np.zeros(2 * room + PANEL, np.float32)
            batch.weights = self._weights.ctypes.data
            self._room = room
        for slot, address in enumerate(outside):
            self._slots[slot] = address

    def _make_rows(self, rows: int) -> None:
        sizes = self._program.row_bytes
        self._memory = [np.zeros(rows * each + 64, np.uint8) for each in sizes]
        addresses = [each.ctypes.data for each in self._memory]
        self._slots = (ctypes.c_void_p * len(sizes))(*addresses)
        self._positions = np.zeros(rows, np.int64)
        self._positions_at = self._positions.ctypes.data
        self.batch.slots = ctypes.addressof(self._slots)
        self._rows = rows
