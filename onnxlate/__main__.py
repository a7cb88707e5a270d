"""`python -m onnxlate` is `onnxlate`."""

from .cli import main

if __name__ == "__main__":
    main()
