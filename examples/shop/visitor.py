"""A visitor of the shop, over HTTP."""

import http.client
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

from .users import STAFF


class ShopAway(Exception):
    """The shop does not answer, or not well."""


class Visitor:
    """Somebody who uses the shop's pages."""

    def __init__(self, url: str) -> None:
        self.address = urlsplit(url).netloc

    def press(self, path: str, user: str = STAFF[2], **fields: object) -> str:
        """Send a form; the path of the page it leads to. Raises ShopAway."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"user={user}"}
        return self._ask("POST", path, urlencode(fields), headers)[0]

    def look(self, path: str) -> Any:
        """Read JSON. Raises ShopAway."""
        return json.loads(self._ask("GET", path, None, {})[1])

    def _ask(self, way: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[str, bytes]:
        connection = http.client.HTTPConnection(self.address, timeout=20)
        try:
            connection.request(way, path, body, headers)
            answer = connection.getresponse()
            read = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ShopAway(str(error)) from None
        finally:
            connection.close()
        if answer.status >= 500:
            raise ShopAway(f"{path} answered {answer.status}")
        return urlsplit(answer.headers.get("Location", "")).path, read
