"""Pages that follow what changes: a body of their own, which answers 304 while nothing has changed."""

import re

import pytest

from tests.console.browser import Browser
from tests.console.walking import furnish


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is shown is tested on both dialects elsewhere."""
    return sqlite_url


@pytest.mark.parametrize(
    "path",
    ["/expiring?window=7d", "/errors", "/errors/{fingerprint}", "/operations", "/batches",
     "/batches/{batch_id}", "/view-models", "/queues", "/queues/{name}", "/tickets/{ticket_id}"],
)  # fmt: skip
def test_a_page_names_the_body_that_it_asks_for_again(otto: Browser, engine: object, path: str) -> None:
    parts = furnish(engine)  # type: ignore[arg-type]
    whole = otto.get(path.format(**parts))
    assert whole.status_code == 200
    found = re.search(r'data-live="[a-z]+" data-body="([^"]+)"', whole.text)
    assert found, path
    assert "live.js" in whole.text
    body = otto.get(found[1].replace("&amp;", "&"), headers={"HX-Request": "true"})
    assert body.status_code == 200
    assert "<html" not in body.text
    assert found[1] in body.text
    again = otto.get(found[1].replace("&amp;", "&"), headers={"If-None-Match": body.headers["ETag"]})
    assert again.status_code in (200, 304)  # a form's token is new each second
    assert "part=body" not in re.sub(r'data-body="[^"]*"', "", body.text), "a link to the part alone"
