"""`python -m onnxlate_training` is `onnxlate train`, and what torchrun starts."""

from onnxlate.cli import main

if __name__ == "__main__":
    main("train")
