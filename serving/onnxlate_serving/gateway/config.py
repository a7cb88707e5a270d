"""What the server tells its gateway at the start."""

from pydantic import BaseModel, ConfigDict

from ..config import TlsConfig
from ..logs import LogFormat, LogLevel


class GatewayConfig(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    upstream: str
    """Where gRPC answers."""

    socket: int
    """File descriptor that already listens."""

    tls: TlsConfig | None = None

    origins: tuple[str, ...] = ()
    """Whose pages in browsers may call too: https://example.org."""

    key_required: bool = False
    """Whether the server wants tokens."""

    max_text_bytes: int
    """UTF-8 bytes that the server takes of one text."""

    log_format: LogFormat = LogFormat.TEXT
    log_level: LogLevel = LogLevel.INFO
