"""Images, as buildah makes them: no daemon, no registry, root's own storage."""

import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .shell import run

FORMAT = ("--format", "docker")  # OCI's has no health check

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PIP = Path("/etc/pip.conf")


@dataclass(frozen=True, slots=True)
class Layer:
    """Bytes of one of an image's layers, as files and as they travel."""

    size: int
    compressed: int


class Buildah:
    def __init__(self, work: Path) -> None:
        """Everything is kept in `work`."""
        self._work = work
        places = ("--root", str(work / "images"), "--runroot", str(work / "run"))
        self._program = ("buildah", "--storage-driver", "vfs", *places)

    def __call__(self, *arguments: str | Path, log: Path | None = None) -> str:
        return run(*self._program, *arguments, log=log)

    def has(self, image: str) -> bool:
        names = json.loads(self("images", "--json", "--all"))
        return any(image in (each.get("names") or ()) for each in names)

    def import_root(
        self, root: Path, image: str, environment: Mapping[str, str]
    ) -> None:
        """An image of one layer, out of a folder."""
        archive = self._work / "root.tar"
        run("tar", "-C", root, "--exclude=./dev/*", "-cf", archive, ".")
        container = self("from", "scratch")
        self("add", "--quiet", container, archive, "/")
        archive.unlink()
        for name, value in environment.items():
            self("config", "--env", f"{name}={value}", container)
        self("config", "--cmd", "python3", container)
        self("commit", "--quiet", *FORMAT, "--rm", container, image)

    def build(self, folder: Path, image: str, log: Path) -> None:
        """What this machine needs to reach its package index is lent to the build."""
        lent = [
            f"--volume={path}:{path}:ro"
            for path in (CERTIFICATES, PIP)
            if path.exists()
        ]
        how = ("--isolation", "chroot", "--pull-never", "--network", "host")
        what = ("--file", str(folder / "Dockerfile"), "--tag", image, str(folder))
        self("build", *how, *FORMAT, *lent, *what, log=log)

    def settings(self, image: str) -> dict[str, Any]:
        """Env, Entrypoint, Cmd, User, Healthcheck and so on, as Docker names them."""
        described = json.loads(self("inspect", "--type", "image", image))
        settings: dict[str, Any] = described["Docker"]["config"]
        return settings

    def layers(self, image: str) -> list[Layer]:
        """From the base's up."""
        with tempfile.TemporaryDirectory(dir=self._work) as folder:
            plain, packed = Path(folder) / "plain.tar", Path(folder) / "packed.tar"
            self("push", "--quiet", image, f"docker-archive:{plain}:{image}")
            self("push", "--quiet", image, f"oci-archive:{packed}")
            pairs = zip(_plain(plain), _packed(packed), strict=True)
            return [Layer(*pair) for pair in pairs]

    @contextmanager
    def mounted(self, image: str) -> Iterator[Path]:
        """The files of a new container of that image."""
        container = self("from", "--pull-never", image)
        try:
            yield Path(self("mount", container))
        finally:
            self("rm", container)


def _plain(archive: Path) -> list[int]:
    with tarfile.open(archive) as tar:
        [manifest] = _json(tar, "manifest.json")
        return [tar.getmember(name).size for name in manifest["Layers"]]


def _packed(archive: Path) -> list[int]:
    with tarfile.open(archive) as tar:
        [found] = _json(tar, "index.json")["manifests"]
        manifest = _json(tar, "blobs/" + found["digest"].replace(":", "/"))
        return [layer["size"] for layer in manifest["layers"]]


def _json(tar: tarfile.TarFile, name: str) -> Any:
    file = tar.extractfile(name)
    assert file is not None
    return json.load(file)
