"""The fulfilment service: its failures are real ones."""

import pytest

from examples.shop.client import OrderClient, OrderRejected, ServiceAway, call

ORDER = {"order": "A-8001", "article": "Slide rule", "country": "DE", "quantity": 1}


def test_the_same_idempotency_key_is_one_shipment(service: str) -> None:
    client = OrderClient()
    first = client.fulfill("a", ORDER)
    assert client.fulfill("a", ORDER) == first
    assert client.fulfill("b", ORDER) != first
    assert [one["key"] for one in client.received()] == ["b", "a", "a"]


@pytest.mark.parametrize(
    ("weather", "said"),
    [("refuse", "refused"), ("503", "503 Service Unavailable"), ("hang", "timed out")],
)
def test_it_goes_away_and_comes_back(
    service: str, weather: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(service, {"weather": weather})
    with monkeypatch.context() as impatient:
        if weather == "hang":
            impatient.setenv("SHOP_SERVICE_TIMEOUT_SECONDS", "1")
        with pytest.raises(ServiceAway, match=said):
            OrderClient().fulfill("a", ORDER)
    call(service, {"weather": "ok"})
    assert OrderClient().fulfill("a", ORDER) == "S-000001"


@pytest.mark.parametrize("change", [{"article": "Fireworks"}, {}])
def test_it_rejects_dangerous_goods_and_in_bad_weather_everything(
    service: str, change: dict[str, str]
) -> None:
    if not change:
        call(service, {"weather": "reject"})
    with pytest.raises(OrderRejected, match="may not be shipped"):
        OrderClient().fulfill("a", {**ORDER, **change})


def test_no_ferry_goes_to_the_isle_of_man(service: str) -> None:
    with pytest.raises(ServiceAway, match="no ferry"):
        OrderClient().fulfill("a", {**ORDER, "country": "Isle of Man"})


def test_an_unknown_weather_is_refused(service: str) -> None:
    with pytest.raises(OrderRejected, match="weather is one of ok, slow"):
        call(service, {"weather": "hail"})
