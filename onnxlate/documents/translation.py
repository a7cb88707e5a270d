"""A document through a server."""

from collections.abc import Callable

from onnxlate.client import Client, TranslateCall
from onnxlate.errors import InvalidRequest
from onnxlate.messages import CallOptions, ServedModel

from .calls import Outcome
from .document import Document
from .exchange import Exchange
from .journal import Journal
from .work import Report, Work


def translate_document(
    client: Client,
    document: Document,
    model: ServedModel,
    options: CallOptions,
    journal: Journal,
    done: Callable[[list[str]], None] = lambda texts: None,
) -> tuple[bytes, Report]:
    """The document in the model's target language; `done` hears the texts of units
    as they are done.

    Raises what the client raises. What came before that is in the journal.
    """
    work = Work(document, model, options, journal, done)
    with Exchange(
        work, lambda call: client.start(call.texts, **call.options)
    ) as exchange:
        while pending := exchange.oldest():
            exchange.take(_outcome(pending))
    return work.result()


def _outcome(pending: TranslateCall) -> Outcome:
    try:
        return pending.result()
    except InvalidRequest as error:
        return error
