"""`python -m benchmarks image`: the Dockerfile, proved where no Docker is."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from ..endurance.target import Unfit, show
from ..line_process import ROOT
from ..options import Json
from .base import NAME, make_base
from .buildah import Buildah, Layer
from .network import network
from .proof import Subject, as_it_is, with_a_page, with_mounts
from .shell import require_all

IMAGE = "localhost/onnxlate:proved"

WORK = Path(tempfile.gettempdir()) / "onnxlate-image"

MOST_MB, MOST_SECONDS = 400, 5.0
"""Of the whole image, uncompressed; until it is healthy."""


def image(
    folder: Annotated[
        Path, typer.Option(help="Where the Dockerfile is.", show_default="here")
    ] = ROOT,
    work: Annotated[
        Path, typer.Option(help="Where the base and all else is kept, about 1 GB.")
    ] = WORK,
    json_file: Json = None,
) -> None:
    """Build the image without Docker, and try it: size, start, read-only root, stop.

    For root on Debian, with buildah, debootstrap and runc. Where python:3.11-slim would
    come from a registry, a stand-in is made of Debian's packages, once.
    """
    require_all()
    work.mkdir(parents=True, exist_ok=True)
    buildah = Buildah(work)
    if not buildah.has(NAME):
        make_base(buildah, work)
    buildah.build(folder, IMAGE, work / "build.log")
    figures = sizes(buildah.layers(IMAGE), buildah.layers(NAME))
    with (
        buildah.mounted(IMAGE) as root,
        network() as net,
        tempfile.TemporaryDirectory() as given,
    ):
        subject = Subject(root, buildah.settings(IMAGE), net, work)
        tried = as_it_is(subject)
        tried |= with_a_page(subject) | with_mounts(subject, Path(given))
    show("image", figures | tried, json_file)
    require(figures["mb"], MOST_MB, "MB")
    require(tried["seconds_until_healthy"], MOST_SECONDS, "seconds until it is healthy")


def sizes(layers: list[Layer], base: list[Layer]) -> dict[str, float]:
    """Megabytes of all, and of what is not the base's, as files and compressed."""
    own = layers[len(base) :]
    return {
        "mb": _mb(each.size for each in layers),
        "mb_of_our_layers": _mb(each.size for each in own),
        "mb_compressed": _mb(each.compressed for each in layers),
        "mb_of_our_layers_compressed": _mb(each.compressed for each in own),
    }


def require(value: float, most: float, what: str) -> None:
    """Raises Unfit for more than is allowed."""
    if value > most:
        raise Unfit(f"{value:g} {what} are more than {most:g}")


def _mb(sizes: Iterable[int]) -> float:
    return round(sum(sizes) / 1e6, 1)
