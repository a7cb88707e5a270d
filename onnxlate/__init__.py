"""onnxlate: from parallel text to a translation service."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answer import Format as Format
    from .answer import Sampling as Sampling
    from .answer import Term as Term
    from .async_client import AsyncClient as AsyncClient
    from .async_client import AsyncTranslationStream as AsyncTranslationStream
    from .client import Client as Client
    from .client import TranslationStream as TranslationStream
    from .credentials import Credentials as Credentials
    from .errors import OnnxlateError as OnnxlateError
    from .finish import FinishReason as FinishReason
    from .messages import Hypothesis as Hypothesis
    from .messages import ServedModel as ServedModel
    from .messages import Translation as Translation

__version__ = "0.1.0"

_HOMES = {
    "Format": "answer",
    "Sampling": "answer",
    "Term": "answer",
    "AsyncClient": "async_client",
    "AsyncTranslationStream": "async_client",
    "Client": "client",
    "TranslationStream": "client",
    "Credentials": "credentials",
    "OnnxlateError": "errors",
    "FinishReason": "finish",
    "Hypothesis": "messages",
    "ServedModel": "messages",
    "Translation": "messages",
}


# Training, export and `onnxlate --help` import this package too, and have no use for
# gRPC, which takes 0.2 s to import.
def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
