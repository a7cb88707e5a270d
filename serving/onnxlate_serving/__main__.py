"""`python -m onnxlate_serving` is `onnxlate serve`."""

from onnxlate.cli import main

if __name__ == "__main__":
    main("serve")
