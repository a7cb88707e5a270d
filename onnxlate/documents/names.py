"""What translated files are called."""

from pathlib import PurePath

from onnxlate.messages import ServedModel


def translated_name(name: str, model: ServedModel) -> str:
    """NAME.de.docx for NAME.docx, and for NAME.en.docx if the model reads English."""
    path = PurePath(name)
    stem = path.stem.removesuffix(f".{model.source_language}")
    suffix = ".po" if path.suffix.lower() == ".pot" else path.suffix
    return f"{stem}.{model.target_language}{suffix}"
