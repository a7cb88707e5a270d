"""`python -m onnxlate_export` is `onnxlate export`."""

from onnxlate.cli import main

if __name__ == "__main__":
    main("export")
