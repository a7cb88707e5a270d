"""The layers of one model, from tokens up to pages."""

from onnxlate.bundle import Bundle

from .config import RequestLimits
from .documents.documents import Documents
from .glossary import Glossaries
from .layer import Layer
from .markup.markup import Markup
from .protection.chain import Abilities
from .protection.protecting import Protecting
from .translator import Translator


class Layers:
    """What each does is left to the one below in all that is not its business."""

    def __init__(
        self,
        sentences: Translator,
        bundle: Bundle,
        limits: RequestLimits,
        glossaries: Glossaries,
    ) -> None:
        """`sentences` is the lowest of them."""
        manifest = bundle.manifest
        self.sentences = sentences
        abilities = Abilities(
            self.sentences.num_placeholders,
            manifest.defaults.beam_size,
            limits.max_beam_size,
            manifest.defaults.length_penalty,
        )
        self.protecting = Protecting(
            self.sentences,
            manifest.source_language,
            abilities,
            limits,
            glossaries.named,
        )
        tokenizer = sentences.source_tokenizer
        documents = Documents(self.protecting, manifest, tokenizer, limits)
        self.top: Layer = Markup(
            documents, limits, length_penalty=manifest.defaults.length_penalty
        )
        """What answers calls."""
