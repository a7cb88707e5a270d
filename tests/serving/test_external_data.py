from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

from onnxlate.bundle import Bundle, file_info
from onnxlate.errors import BundleError
from onnxlate_serving.config import RuntimeConfig
from onnxlate_serving.external_data import check_external_data
from onnxlate_serving.sessions import Sessions

from .handmade import rewrite, write_bundle


def outside(location: str) -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "outside")
    set_external_data(tensor, location)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    return tensor


def graph(**fields: object) -> onnx.GraphProto:
    return helper.make_graph([], "graph", [], [], **fields)  # type: ignore[arg-type]


def within_a_branch(location: str) -> onnx.GraphProto:
    """The tensor is a constant's value, in a graph that is a node's attribute."""
    constant = helper.make_node("Constant", [], ["c"], value=outside(location))
    inner = helper.make_graph([constant], "inner", [], [])
    branch = helper.make_node("If", ["x"], ["y"], then_branch=inner)
    return helper.make_graph([branch], "outer", [], [])


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "other.bin"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_graph_that_reads_other_files_is_refused(
    tmp_path: Path, location: str, nested: bool
) -> None:
    made = (
        within_a_branch(location) if nested else graph(initializer=[outside(location)])
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(helper.make_model(made).SerializeToString())

    with pytest.raises(BundleError, match="no file of its bundle"):
        check_external_data(path, {"model.onnx", "weights.bin"})


def test_its_own_files_are_its_own_affair(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    made = graph(initializer=[outside("weights.bin")])
    path.write_bytes(helper.make_model(made).SerializeToString())

    check_external_data(path, {"model.onnx", "weights.bin"})


def test_junk_is_no_graph(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    within = b"\x3a\x03\x0a\x05\x0a", b"\x3a\x06\x2a\x04\x6a\x05\x0a\x01"
    short = b"\x3a\xff\xff\xff\xff\x0f", b"\x3a\x02\x0a", b"\x3d\x01"
    for junk in (b"", b"\xff" * 20, *short, *within):
        path.write_bytes(junk)
        with pytest.raises(BundleError, match=r"no ONNX graph|is empty"):
            check_external_data(path, set())


def test_a_bundle_with_such_a_graph_is_not_opened(tmp_path: Path) -> None:
    path = write_bundle(tmp_path / "bundle")
    decoder = onnx.load(path / "decoder.onnx")
    decoder.graph.initializer.append(outside("../secret"))
    before = (path / "decoder.onnx").read_bytes()
    (path / "decoder.onnx").write_bytes(decoder.SerializeToString())
    (tmp_path / "before").write_bytes(before)
    old, new = file_info(tmp_path / "before"), file_info(path / "decoder.onnx")
    rewrite(path, old.sha256, new.sha256)
    rewrite(path, f'"bytes": {old.bytes}', f'"bytes": {new.bytes}')

    with pytest.raises(BundleError, match="secret"):
        Sessions(Bundle.open(path), RuntimeConfig())
