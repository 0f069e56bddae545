"""Redirects lead to our own relative paths only (S16)."""

from urllib.parse import quote

import pytest

from console.own_paths import own_path

from .browser import PASSWORD, Browser

EVIL = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example/",
    "http:evil.example",
    "javascript:alert(1)",
    "evil.example",
    "/%2Fevil.example",
    "/%5Cevil.example",
    "/%252Fevil.example",
    "/%25252Fevil.example",
    "%2F%2Fevil.example",
    "/\t/evil.example",
    "/%09/evil.example",
    "/\n/evil.example",
    "\x00/",
    " //evil.example",
    "",
    None,
    "/" + "a" * 3000,
    "/" + quote(quote(quote(quote(quote(quote(quote("/evil.example"))))))),
]


@pytest.mark.parametrize("wanted", EVIL)
def test_what_leads_elsewhere_is_not_followed(wanted: str | None) -> None:
    assert own_path(wanted, "/safe") == "/safe"


@pytest.mark.parametrize(
    "wanted",
    [
        "/",
        "/tickets",
        "/tickets?q=a%20b&tab=errored",
        "/tickets?q=a+b",
        "/tickets/7#acts",
        "/roots/Customer!42",
        "/tickets?q=state%3Aerrored%20and%20%22bank%22",
    ],
)
def test_our_own_paths_are(wanted: str) -> None:
    assert own_path(wanted, "/safe") == wanted


@pytest.mark.parametrize("wanted", [each for each in EVIL if each and "\x00" not in each])
def test_nobody_is_led_away_by_the_sign_in(sqlite_stranger: Browser, wanted: str) -> None:
    sqlite_stranger.get("/sign-in")
    answer = sqlite_stranger.post("/sign-in", data={"name": "ada", "password": PASSWORD, "next": wanted})
    assert (answer.status_code, answer.location) == (303, "/")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def sqlite_stranger(stranger: Browser, cast: None) -> Browser:
    return stranger
