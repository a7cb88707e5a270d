"""`python -m onnxlate.demo [TEXT …]`: the default model, from server to translation.

Starts a server on a free port, translates through the client, and stops the server;
what it prints has been through gRPC. Exits with 2 if anything of that fails.
"""

import os
import sys

from .cli import MISTAKE, complain
from .client import Client
from .errors import OnnxlateError
from .local_server import LocalServer

EXAMPLES = (
    "Where is the train station?",
    "I would like a cup of coffee, please.",
    "My name is Anna and I live in Berlin.",
    "My brother works in a hospital.",
)


def main() -> None:
    try:
        show(sys.argv[1:] or list(EXAMPLES))
        sys.stdout.flush()
    except OnnxlateError as error:
        complain(error)
        sys.exit(MISTAKE)
    except BrokenPipeError:
        # `make run | head`: whoever read has seen enough. Python would complain once
        # more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def show(texts: list[str]) -> None:
    with LocalServer(None) as server, Client(server.address) as client:
        model = client.model()
        print(
            f"{model.name} ({model.source_language} → {model.target_language}, "
            f"{model.precision}) answers at {server.address}:"
        )
        width = max(len(text) for text in texts)
        for text, translation in zip(texts, client.translate(texts), strict=True):
            print(f"  {text:<{width}}  →  {translation.text}")
    print(
        "\nTo keep a server running, and to ask it:\n"
        "  .venv/bin/onnxlate serve --listen 127.0.0.1:50051\n"
        f"  .venv/bin/onnxlate translate --server 127.0.0.1:50051 '{texts[0]}'"
    )


if __name__ == "__main__":
    main()
