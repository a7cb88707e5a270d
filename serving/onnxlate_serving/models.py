"""The models a server has, by name."""

from collections.abc import Iterator, Sequence

from onnxlate.errors import ConfigError, ModelNotFound

from .translator import Translator

MAX_ECHO = 64
"""Characters of a caller's own words that an error repeats."""


class Models:
    """Translators by their bundles' names; the first is the default."""

    def __init__(self, translators: Sequence[Translator]) -> None:
        """Raises ConfigError if two have one name."""
        self._by_name: dict[str, Translator] = {}
        for translator in translators:
            name = translator.manifest.name
            if name in self._by_name:
                raise ConfigError(
                    f"two bundles are named {name!r}; serve one of them, "
                    "or export one under another name"
                )
            self._by_name[name] = translator
        self.default = translators[0]

    def __iter__(self) -> Iterator[Translator]:
        return iter(self._by_name.values())

    def find(self, name: str) -> Translator:
        """The model of that name, or the default for ""; raises ModelNotFound."""
        if not name:
            return self.default
        if name not in self._by_name:
            served = ", ".join(self._by_name)
            raise ModelNotFound(
                f"there is no model {name[:MAX_ECHO]!r} here; served: {served}"
            )
        return self._by_name[name]
