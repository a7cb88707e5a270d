"""Files that come back translated, with everything that is not words as it was."""

from .document import Answer, Document, Rebuilt, Remark, Settings, Unit
from .journal import Journal
from .kinds import open_document
from .translation import Report, translate_document

__all__ = [
    "Answer",
    "Document",
    "Journal",
    "Rebuilt",
    "Remark",
    "Report",
    "Settings",
    "Unit",
    "open_document",
    "translate_document",
]
