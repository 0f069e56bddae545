"""What the shop is told by its environment."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class ShopSettings:
    """Addresses without a slash at the end; times in the unit that the name says."""

    database_url: str
    shop_url: str
    service_url: str
    console_url: str
    fulfil_attempts: int
    service_timeout_seconds: float
    print_seconds: float
    reservation_minutes: float

    @property
    def control_url(self) -> str:
        """Where the fulfilment service takes its weather: the port after its own."""
        return next_port(self.service_url)


def next_port(url: str) -> str:
    """The same host, one port further."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{(parts.port or 80) + 1}"


def settings() -> ShopSettings:
    """The settings of this process, from DATABASE_URL, COUNTERFOIL_URL and SHOP_*."""
    console_url = os.environ.get("COUNTERFOIL_URL", "http://127.0.0.1:8020").rstrip("/")
    shop_url = os.environ.get("SHOP_URL", next_port(console_url)).rstrip("/")
    return ShopSettings(
        database_url=os.environ.get("DATABASE_URL", "sqlite:///shop.sqlite3"),
        shop_url=shop_url,
        service_url=os.environ.get("SHOP_SERVICE_URL", next_port(shop_url)).rstrip("/"),
        console_url=console_url,
        fulfil_attempts=int(os.environ.get("SHOP_ATTEMPTS", "8")),
        service_timeout_seconds=float(os.environ.get("SHOP_SERVICE_TIMEOUT_SECONDS", "5")),
        print_seconds=float(os.environ.get("SHOP_PRINT_SECONDS", "3")),
        reservation_minutes=float(os.environ.get("SHOP_RESERVATION_MINUTES", "120")),
    )
