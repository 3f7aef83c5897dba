"""To which addresses webhooks may go: looked at as they are typed, and as numbers before anything is sent."""

import ipaddress

import pytest
from pytest_django.fixtures import Settings

from licensemgr.shop.addresses import AddressRefused, Target, is_public, target_of

PUBLIC = [
    "93.184.215.14",
    "8.8.8.8",
    "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]
PRIVATE = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.16.0.1", "192.168.1.1"),  # noqa: S104 - nothing listens
    *("192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1", "100::1"),
    # Forms in which a private IPv4 address can hide.
    *("192.0.0.8", "192.0.0.192", "192.88.99.1", "3fff::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
    *("2002:7f00:1::1", "2002:a00:1::", "2001:0:808:808:0:0:80ff:fffe", "2001:0:7f00:1::f7f7:f7f7"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://shop.example.com", Target("https", "shop.example.com", 443, "/")),
        ("https://shop.example.com:443/a?b=c", Target("https", "shop.example.com", 443, "/a?b=c")),
        ("HTTPS://SHOP.example.com:8443/Hooks", Target("https", "shop.example.com", 8443, "/Hooks")),
        ("https://xn--bcher-kva.example/", Target("https", "xn--bcher-kva.example", 443, "/")),
        ("https://8.8.8.8/x", Target("https", "8.8.8.8", 443, "/x")),
        ("https://[2606:2800:21f::1]:2000", Target("https", "2606:2800:21f::1", 2000, "/")),
    ],
)
def test_an_address_is_taken_apart(url: str, target: Target) -> None:
    assert target_of(url) == target


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://shop.example.com/", "begin with https://"),
        ("ftp://shop.example.com/", "begin with https://"),
        ("shop.example.com/hooks", "full name"),
        ("https://", "full name"),
        ("https:///hooks", "full name"),
        ("https://ada:secret@shop.example.com/", "name or password"),
        ("https://@shop.example.com/", "name or password"),
        ("https://shop.example.com/#part", "after “#”"),
        ("https://shop.example.com/#", "after “#”"),
        ("https://shop.example.com:22/", "443 or above 1023"),
        ("https://shop.example.com:0/", "443 or above 1023"),
        ("https://shop.example.com:99999/", "host and port"),
        ("https://shop.example.com:x/", "host and port"),
        ("https://[::1/", "host and port"),
        ("https://shop.example.com/a b", "one word"),
        ("https://shop.example.com/\r\nX: y", "one word"),
        ("https://shop.example.com\\@evil.example/", "one word"),
        ("https://bücher.example/", "xn--"),
        ("https://shop.example.com/" + "x" * 480, "longer than 500"),
        ("https://shop_example.com/", "full name"),
        ("https://shop/", "full name"),
        ("https://shop.example.com./", "full name"),
        ("https://127.1/", "full name"),
        ("https://0x7f.0.0.1/", "full name"),
        ("https://2130706433/", "full name"),
        ("https://example.0x7f/", "full name"),
        ("https://[fe80::1%25eth0]/", "full name"),
        ("https://localhost/", "localhost is none"),
        ("http://localhost:8001/", "localhost is none"),
        ("https://127.0.0.1:8443/", "127.0.0.1 is none"),
        ("https://169.254.169.254/latest", "169.254.169.254 is none"),
        ("https://[::ffff:10.0.0.1]/", "::ffff:a00:1 is none"),
    ],
)
def test_what_nothing_is_sent_to_is_refused_with_a_sentence(url: str, why: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        target_of(url)
    assert why in refused.value.sentence.replace("::ffff:10.0.0.1", "::ffff:a00:1")
    assert "Nothing was changed" in refused.value.sentence
    assert refused.value.field == "url"


@pytest.mark.parametrize(
    "url", ["http://localhost:8001/hooks", "http://127.0.0.1:81/", "http://[::1]:8001/", "https://localhost/"]
)
def test_the_demonstration_may_send_to_its_own_machine(url: str, settings: Settings) -> None:
    settings.DEMONSTRATION = True
    assert target_of(url).host in ("localhost", "127.0.0.1", "::1")


@pytest.mark.parametrize(
    "url", ["http://shop.example.com/", "http://8.8.8.8/", "http://10.0.0.1/", "https://10.0.0.1/"]
)
def test_and_nowhere_else_more_than_others(url: str, settings: Settings) -> None:
    settings.DEMONSTRATION = True
    with pytest.raises(AddressRefused):
        target_of(url)
