"""What the options of requests come to, with one model."""

from dataclasses import dataclass, fields
from weakref import WeakKeyDictionary

from onnxlate import wire
from onnxlate.errors import InvalidRequest
from onnxlate.v1 import translation_pb2 as pb

from .deployment import Deployment
from .options import REMEMBERED, TranslateOptions

FORMAT_NUMBERS = sorted((pb.FORMAT_UNSPECIFIED, *wire.FORMATS.values()))

MOST_BYTES = 1024
"""Of options that are remembered; those with long lists are seldom the same again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request's options."""

    options: TranslateOptions
    """With what was left unsaid."""

    message: pb.TranslateOptions
    """The same, to be told in the answer."""


class Asking:
    """Remembers what the latest came to: most requests ask for the same."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Deployment, dict[bytes, Asked]] = (
            WeakKeyDictionary()
        )

    def of(self, deployment: Deployment, message: pb.TranslateOptions) -> Asked:
        """Raises InvalidRequest for what cannot be."""
        said = message.SerializeToString(deterministic=True)
        # What a glossary's name stands for may have changed.
        if message.glossary or len(said) > MOST_BYTES:
            return _asked(deployment, message)
        known = self._known.setdefault(deployment, {})
        asked = known.get(said)
        if asked is None:
            asked = _asked(deployment, message)
            if len(known) == REMEMBERED:
                del known[next(iter(known))]
            known[said] = asked
        return asked


def _asked(deployment: Deployment, message: pb.TranslateOptions) -> Asked:
    options = deployment.in_effect(options_of(message))
    return Asked(options, options_message(options))


def options_of(message: pb.TranslateOptions) -> TranslateOptions:
    """Fields the client left out stay unsaid; raises InvalidRequest for a format that
    only others know."""
    if message.format not in FORMAT_NUMBERS:
        raise InvalidRequest(
            f"format is {message.format}; this server knows {FORMAT_NUMBERS}"
        )
    return TranslateOptions(**wire.options_from(message))


def options_message(options: TranslateOptions) -> pb.TranslateOptions:
    names = (field.name for field in fields(options))
    return wire.options_to({name: getattr(options, name) for name in names})
