"""Which files can be translated, and what reads each kind.

What reads a kind is imported when a file of it comes: the parsers are in an extra.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields
from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePath

from onnxlate.errors import ConfigError, DocumentError

from .document import Document, Settings


@dataclass(frozen=True, slots=True)
class _Kind:
    module: str
    settings: Collection[str] = ()
    """Those of Settings that say anything about such a file."""
    parser: str | None = None
    """Of the extra `files`; None if none is needed."""


_KINDS = {
    ".txt": _Kind("plain_text"),
    ".md": _Kind("markdown", parser="markdown_it"),
    ".markdown": _Kind("markdown", parser="markdown_it"),
    ".html": _Kind("web_page"),
    ".htm": _Kind("web_page"),
    ".srt": _Kind("subtitles", parser="srt"),
    ".po": _Kind("catalog", ("retranslate", "fuzzy"), "polib"),
    ".pot": _Kind("catalog", ("retranslate", "fuzzy"), "polib"),
    ".json": _Kind("json_strings", ("keys",)),
    ".csv": _Kind("table", ("columns",)),
    ".tsv": _Kind("table", ("columns",)),
    ".docx": _Kind("word"),
}

_NO_SETTINGS = Settings()


def suffixes() -> list[str]:
    """How files end that can be translated here."""
    return [
        suffix
        for suffix, kind in _KINDS.items()
        if kind.parser is None or find_spec(kind.parser)
    ]


def open_document(
    name: str, data: bytes, settings: Settings = _NO_SETTINGS
) -> Document:
    """The file, read as the end of its name says.

    Raises DocumentError if it is not what the name says, and ConfigError if nothing
    here reads such a file or a setting is not for it.
    """
    suffix = PurePath(name).suffix.lower()
    kind = _KINDS.get(suffix)
    if kind is None:
        raise ConfigError(
            f"{name} is none of the files that can be translated: {' '.join(_KINDS)}"
        )
    _require_fitting(settings, kind, suffix)
    try:
        read = import_module(f"{__package__}.{kind.module}").read
        document: Document = read(data, settings)
    except ModuleNotFoundError as cause:
        raise ConfigError(
            f"{suffix} files need {cause.name}, which is not installed; "
            "pip install 'onnxlate[files]'"
        ) from cause
    except DocumentError as cause:
        raise DocumentError(f"cannot read {name}: {cause}") from cause
    return document


def _require_fitting(settings: Settings, kind: _Kind, suffix: str) -> None:
    for field in fields(Settings):
        given = getattr(settings, field.name) != field.default
        if given and field.name not in kind.settings:
            wanted = [s for s, kind in _KINDS.items() if field.name in kind.settings]
            option = "no-fuzzy" if field.name == "fuzzy" else field.name
            raise ConfigError(
                f"--{option} is for {' and '.join(wanted)} files; this one is {suffix}"
            )
