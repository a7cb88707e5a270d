import pytest

from onnxlate.address import checked_target, is_loopback, is_several
from onnxlate.errors import ConfigError


@pytest.mark.parametrize(
    ("server", "target"),
    [
        ("example.org:1", "example.org:1"),
        ("127.0.0.1:1,127.0.0.2:2", "ipv4:127.0.0.1:1,127.0.0.2:2"),
        ("localhost:1,127.0.0.2:2", "ipv4:127.0.0.1:1,127.0.0.2:2"),
        ("[::1]:1,[::2]:2", "ipv6:[::1]:1,[::2]:2"),
        ("dns:///example.org:1", "dns:///example.org:1"),
    ],
)
def test_addresses_become_one_target(server: str, target: str) -> None:
    assert checked_target(server) == target


@pytest.mark.parametrize(
    "server", ["a:1,", ",a:1", "a:1,b", "127.0.0.1:1,[::1]:2", "no.such.invalid:1,a:1"]
)
def test_what_is_no_list_of_addresses_is_refused(server: str) -> None:
    with pytest.raises(ConfigError):
        checked_target(server)


def test_a_list_is_this_machine_if_all_of_it_is() -> None:
    assert is_loopback("ipv4:127.0.0.1:1,127.0.0.2:2")
    assert is_loopback("ipv6:[::1]:1")
    assert not is_loopback("ipv4:127.0.0.1:1,10.0.0.1:2")
    assert not is_loopback("dns:///localhost:1")


def test_names_may_stand_for_several_servers() -> None:
    assert is_several("ipv4:127.0.0.1:1,127.0.0.2:2")
    assert is_several("dns:///example.org:1")
    assert not is_several("example.org:1")
    assert not is_several("unix:/run/onnxlate")
