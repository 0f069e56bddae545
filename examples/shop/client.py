"""The HTTP client of the fulfilment service."""

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from .settings import settings


class ServiceAway(Exception):
    """The service refused the connection, took too long, or said that it is not available: try again."""


class OrderRejected(Exception):
    """The service looked at the order and will never take it."""


def call(url: str, data: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> Any:
    """GET, or POST `data`, as JSON; the answer's JSON. Raises ServiceAway or OrderRejected (422)."""
    body = None if data is None else json.dumps(data).encode()
    request = Request(url, body, {"Content-Type": "application/json", **(headers or {})})
    try:
        with urlopen(request, timeout=settings().service_timeout_seconds) as answer:
            return json.load(answer)
    except HTTPError as error:
        reason = json.load(error)["reason"]
        if error.code == 422:
            raise OrderRejected(reason) from None
        raise ServiceAway(f"{error.code} {error.reason}: {reason}") from None
    except (URLError, TimeoutError, ConnectionError) as error:
        raise ServiceAway(f"no answer from {url}: {getattr(error, 'reason', error)}") from None


class OrderClient:
    """Speaks to the service that ships parcels."""

    def __init__(self, url: str | None = None) -> None:
        self.url = url or settings().service_url

    def fulfill(self, idempotency_key: str, order: dict[str, Any]) -> str:
        """Have an order shipped; the shipment's number. The same key twice is one shipment."""
        answer = call(f"{self.url}/orders", order, {"Idempotency-Key": idempotency_key})
        return str(answer["shipment"])

    def received(self) -> list[dict[str, Any]]:
        """What the service got lately, latest first."""
        return list(call(f"{self.url}/received"))
