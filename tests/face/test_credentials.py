from pathlib import Path

import pytest

from onnxlate import Client, Credentials
from onnxlate.credentials import read_token
from onnxlate.errors import ConfigError


def test_a_token_does_not_travel_unencrypted_to_another_machine() -> None:
    credentials = Credentials(token="secret")
    with pytest.raises(ConfigError, match=r"example.org.*use TLS") as caught:
        Client("example.org:50051", credentials=credentials)
    assert "secret" not in str(caught.value)

    Client("127.0.0.1:50051", credentials=credentials).close()
    encrypted = Credentials(token="secret", tls=True)
    Client("example.org:50051", credentials=encrypted).close()


@pytest.mark.parametrize("token", ["", "two words", "new\nline", "naïve"])
def test_what_cannot_be_a_token_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match="one word of printable ASCII"):
        Client("127.0.0.1:1", credentials=Credentials(token=token))


def test_a_tokens_file_may_end_with_a_line_end(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret\r\n")
    assert read_token(file) == "secret"
    with pytest.raises(ConfigError, match="cannot read"):
        read_token(tmp_path / "none")


def test_half_a_clients_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="go together"):
        Client("127.0.0.1:1", credentials=Credentials(certificate=tmp_path / "c"))
    with pytest.raises(ConfigError, match="cannot read"):
        Client("127.0.0.1:1", credentials=Credentials(ca=tmp_path / "none"))


def test_several_addresses_need_a_name_that_the_certificate_has() -> None:
    servers = "127.0.0.1:1,127.0.0.1:2"
    with pytest.raises(ConfigError, match="no name in common"):
        Client(servers, credentials=Credentials(tls=True))
    named = Credentials(tls=True, server_name="example.org")
    Client(servers, credentials=named).close()
