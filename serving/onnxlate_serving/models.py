"""The models a server has, by name and version."""

import re
from collections.abc import Iterator, Sequence

from onnxlate.errors import ConfigError, ModelNotFound

from .deployment import Deployment
from .sizes import MAX_ECHO

Parts = list[tuple[int, str]]


class Models:
    """Deployments as NAME@VERSION; a bare name is one of its versions.

    Whatever changes, changes between two steps of the event loop: a call finds the
    old version or the new one, and keeps what it has found.
    """

    def __init__(self, deployments: Sequence[Deployment]) -> None:
        """Bare names are the highest versions; the first one's name is the default.

        Raises ConfigError if two are the same version.
        """
        self._all: dict[str, Deployment] = {}
        self._current: dict[str, Deployment] = {}
        self._default = deployments[0].manifest.name
        for deployment in sorted(deployments, key=_by_version):
            if deployment.full_name in self._all:
                raise ConfigError(
                    f"two bundles are named {deployment.manifest.name!r}, both in "
                    f"version {deployment.manifest.version!r}; serve one of them, or "
                    "export one with another --version"
                )
            self.add(deployment)
            self.promote(deployment)
        # In the order in which they were given, which people will recognise.
        self._all = {each.full_name: each for each in deployments}

    def __iter__(self) -> Iterator[Deployment]:
        return iter(list(self._all.values()))

    def find(self, name: str) -> Deployment:
        """NAME, NAME@VERSION, or the default for ""; raises ModelNotFound."""
        wanted = name or self._default
        found = self._all.get(wanted) or self._current.get(wanted)
        if found is None:
            served = ", ".join([*self._current, *self._all])
            raise ModelNotFound(
                f"there is no model {name[:MAX_ECHO]!r} here; served: {served}"
            )
        return found

    def version(self, full_name: str) -> Deployment | None:
        """The one of that very name, if it is served."""
        return self._all.get(full_name)

    def is_current(self, deployment: Deployment) -> bool:
        """Whether its bare name means this version."""
        return self._current[deployment.manifest.name] is deployment

    def is_default(self, deployment: Deployment) -> bool:
        """Whether no name means this version."""
        return self._current[self._default] is deployment

    def add(self, deployment: Deployment) -> None:
        """Under its full name, and its bare one if nobody has that."""
        self._all[deployment.full_name] = deployment
        self._current.setdefault(deployment.manifest.name, deployment)

    def promote(self, deployment: Deployment) -> None:
        """From now on its bare name means this version."""
        self._current[deployment.manifest.name] = deployment

    def remove(self, deployment: Deployment) -> None:
        """Nobody finds it any more.

        Raises ConfigError for one that its bare name means, while there are others, and
        for the last version of the default model.
        """
        name = deployment.manifest.name
        others = [each for each in self if each.manifest.name == name]
        if self.is_current(deployment):
            if len(others) > 1:
                raise ConfigError(
                    f"{name!r} means {deployment.full_name}; promote another first"
                )
            if name == self._default:
                raise ConfigError(f"{name!r} is what is served by default")
            del self._current[name]
        del self._all[deployment.full_name]


def _by_version(deployment: Deployment) -> tuple[Parts, bool, Parts]:
    """1.10 comes after 1.9, and 1.10-rc1 before 1.10, as in semantic versions."""
    release, _, preliminary = deployment.manifest.version.partition("-")
    return _parts(release), not preliminary, _parts(preliminary)


def _parts(text: str) -> Parts:
    """Numbers as numbers, and behind whatever is none."""
    parts = re.findall(r"\d+|\D+", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
