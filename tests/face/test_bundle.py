import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onnxlate.bundle import Bundle
from onnxlate.errors import BundleError

V1 = Path(__file__).parents[1] / "bundles" / "v1"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(V1, tmp_path / "bundle"))


def edit(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_a_whole_bundle_opens_and_has_a_name_of_its_own(bundle: Path) -> None:
    first = Bundle.open(V1).manifest
    assert Bundle.open(bundle).manifest.digest() == first.digest()

    edit(bundle, lambda manifest: manifest.update(version="2"))
    assert Bundle.open(bundle).manifest.digest() != first.digest()


def test_an_unknown_format_is_refused_with_who_wrote_it(bundle: Path) -> None:
    edit(bundle, lambda m: m.update(format=9, written_by="onnxlate 7.0"))

    with pytest.raises(BundleError, match=r"format 9, written by 'onnxlate 7\.0'"):
        Bundle.open(bundle)


def test_a_damaged_file_is_named(bundle: Path) -> None:
    content = bytearray((bundle / "decoder.onnx").read_bytes())
    content[-1] ^= 1
    (bundle / "decoder.onnx").write_bytes(content)

    with pytest.raises(BundleError, match=r"decoder\.onnx is damaged"):
        Bundle.open(bundle)


def test_a_missing_file_is_named(bundle: Path) -> None:
    (bundle / "encoder.onnx").unlink()

    with pytest.raises(BundleError, match=r"encoder\.onnx is missing"):
        Bundle.open(bundle)


def test_a_link_is_no_file_of_the_bundle(bundle: Path) -> None:
    (bundle / "encoder.onnx").unlink()
    (bundle / "encoder.onnx").symlink_to(V1 / "encoder.onnx")

    with pytest.raises(BundleError, match="not a regular file"):
        Bundle.open(bundle)


@pytest.mark.parametrize(
    "name", ["../v1/encoder.onnx", "/etc/passwd", "a/b", "..", ".", "", "a\0b"]
)
def test_no_name_leads_out_of_the_bundle(bundle: Path, name: str) -> None:
    info = json.loads((bundle / "manifest.json").read_text())["files"]["encoder.onnx"]
    edit(bundle, lambda m: m["files"].update({name: info}))

    with pytest.raises(BundleError, match="not a plain file name"):
        Bundle.open(bundle)


def test_a_file_without_a_hash_is_refused(bundle: Path) -> None:
    edit(bundle, lambda m: m["files"].pop("encoder.onnx"))

    with pytest.raises(BundleError, match=r"no hash for encoder\.onnx"):
        Bundle.open(bundle)


def test_a_manifest_that_says_more_than_the_format_has_is_refused(
    bundle: Path,
) -> None:
    edit(bundle, lambda m: m["limits"].update(max_words=3))

    with pytest.raises(BundleError, match=r"limits\.max_words"):
        Bundle.open(bundle)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "null", "{}", '{"format": 1}', "\ud800", "[" * 100_000, "\0"],
)
def test_a_manifest_that_is_none_is_refused_in_words(bundle: Path, text: str) -> None:
    (bundle / "manifest.json").write_bytes(text.encode("utf-8", "surrogatepass"))

    with pytest.raises(BundleError) as refusal:
        Bundle.open(bundle)

    assert str(bundle) in str(refusal.value)
    assert len(str(refusal.value)) < len(str(bundle)) + 200


def test_a_folder_is_no_file_of_the_bundle(bundle: Path) -> None:
    (bundle / "encoder.onnx").unlink()
    (bundle / "encoder.onnx").mkdir()

    with pytest.raises(BundleError, match="not a regular file"):
        Bundle.open(bundle)


def test_a_file_that_is_cut_short_is_named_with_both_sizes(bundle: Path) -> None:
    content = (bundle / "decoder.onnx").read_bytes()
    (bundle / "decoder.onnx").write_bytes(content[:-10])

    with pytest.raises(BundleError) as refusal:
        Bundle.open(bundle)

    assert f"it has {len(content) - 10} bytes" in str(refusal.value)
    assert f"says {len(content)} " in str(refusal.value)


@pytest.mark.parametrize("field", ["source_prefix", "target_prefix"])
def test_ids_before_a_text_are_the_models_own(bundle: Path, field: str) -> None:
    edit(bundle, lambda m: m.update({field: [5]}))
    assert getattr(Bundle.open(bundle).manifest, field) == (5,)

    edit(bundle, lambda m: m.update({field: [5, 10**6]}))
    with pytest.raises(BundleError, match=f"{field} has id 1000000 of"):
        Bundle.open(bundle)


def test_what_is_not_used_and_came_later_is_not_written(bundle: Path) -> None:
    """So that older programs, which know of no such fields, read it too."""
    manifest = Bundle.open(bundle).manifest
    assert not {"generator_bias", "source_prefix"} & set(json.loads(manifest.text()))

    prefixed = manifest.model_copy(update={"source_prefix": (5,)})
    assert json.loads(prefixed.text())["source_prefix"] == [5]
    assert prefixed.digest() != manifest.digest()


def test_the_digest_is_of_what_is_said_and_not_of_how_it_is_laid_out(
    bundle: Path,
) -> None:
    before = Bundle.open(bundle).manifest.digest()
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(manifest.items())), indent=7))

    assert Bundle.open(bundle).manifest.digest() == before
    assert len(before) == 16
    assert set(before) <= set("0123456789abcdef")


def test_what_is_no_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a directory"):
        Bundle.open(tmp_path / "nothing")
    with pytest.raises(BundleError, match="no readable manifest"):
        Bundle.open(tmp_path)
