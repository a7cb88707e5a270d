"""Both graphs of a bundle as programs, where that is possible."""

from dataclasses import dataclass

from onnxlate.bundle import Bundle

from .files import MappedFiles
from .library import Library, library
from .program import Program

MOST_HEAD_WIDTH = 128
"""Numbers of a head that are mixed in registers (program.inc)."""


@dataclass(frozen=True)
class Programs:
    library: Library
    encoder: Program
    decoder: Program

    @classmethod
    def of(cls, bundle: Bundle, files: MappedFiles | None = None) -> "Programs | None":
        """None if onnxruntime has to do it; `files` are those of the bundle."""
        files = files or MappedFiles()
        compiled = library()
        if compiled is None or bundle.manifest.model.head_width > MOST_HEAD_WIDTH:
            return None
        encoder = Program.of(compiled, bundle, "encoder", files)
        decoder = Program.of(compiled, bundle, "decoder", files)
        if encoder is None or decoder is None:
            return None
        return cls(compiled, encoder, decoder)
