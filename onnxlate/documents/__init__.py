"""Files that come back translated, with everything that is not words as it was."""

from .calls import Outcome
from .document import Answer, Document, Rebuilt, Remark, Settings, Unit
from .exchange import Exchange
from .journal import Journal
from .kinds import open_document, suffixes
from .names import translated_name
from .translation import translate_document
from .work import Report, Work

__all__ = [
    "Answer",
    "Document",
    "Exchange",
    "Journal",
    "Outcome",
    "Rebuilt",
    "Remark",
    "Report",
    "Settings",
    "Unit",
    "Work",
    "open_document",
    "suffixes",
    "translate_document",
    "translated_name",
]
