"""A stand-in for python:3.11-slim, made of Debian's packages where no registry is.

Like that image it has Python's headers, for what pip compiles, and neither a compiler
nor documentation. Its Python is Debian's, in /usr/bin, with names in /usr/local/bin
where the published image has its own.
"""

import shutil
from pathlib import Path

from .buildah import Buildah
from .shell import run

NAME = "docker.io/library/python:3.11-slim"

PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"

UNWANTED = (
    "usr/lib/python3.11/EXTERNALLY-MANAGED",  # else pip would refuse to install
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/lib/apt/lists",
)

LINKS = {
    "usr/local/bin/python": "/usr/bin/python3.11",
    "usr/local/bin/python3": "/usr/bin/python3.11",
    "usr/local/bin/pip": "/usr/bin/pip3",
}

ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}


def make_base(buildah: Buildah, work: Path) -> None:
    """Under the published image's name, so that the Dockerfile finds it."""
    root = work / "base"
    shutil.rmtree(root, ignore_errors=True)
    run(
        *("debootstrap", "--variant=minbase", f"--include={PACKAGES}"),
        *("bookworm", root),
        log=work / "debootstrap.log",
    )
    _add_headers(root)
    for name in UNWANTED:
        run("rm", "-rf", root / name)
    for name in ("var/cache/apt/archives/partial", "var/lib/apt/lists/partial"):
        (root / name).mkdir(parents=True)
    for link, place in LINKS.items():
        (root / link).symlink_to(place)
    buildah.import_root(root, NAME, ENVIRONMENT)
    shutil.rmtree(root)


def _add_headers(root: Path) -> None:
    """Debian's package of them depends on libc's, which the published image lacks."""
    package = "libpython3.11-dev"
    script = (
        f"cd /tmp && apt-get download {package} && "
        f"dpkg-deb -x {package}_*.deb unpacked && "
        "cp -a unpacked/usr/include/. /usr/include/ && rm -rf unpacked *.deb"
    )
    run("chroot", root, "sh", "-c", script)
