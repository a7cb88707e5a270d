"""The gateway's process: told what to do on its input, ends when that ends."""

import asyncio
import signal
import sys
from io import FileIO

from ..logs import set_up
from .config import GatewayConfig
from .process import READY
from .web_server import serve


def main() -> None:
    # Unbuffered, or it could hold back what is said behind the line.
    line = FileIO(sys.stdin.fileno(), closefd=False).readline()
    config = GatewayConfig.model_validate_json(line)
    # A terminal and systemd send signals to every process. The server waits for calls
    # that are under way, ours among them, and closes our input then.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    set_up(config.log_format, config.log_level)
    asyncio.run(serve(config, say_ready))


def say_ready() -> None:
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
