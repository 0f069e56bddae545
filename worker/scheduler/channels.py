"""The ways by which a notice reaches a person: e-mail, a webhook, the log.

Addresses of webhooks come from the settings alone, redirects are not followed, and every body is signed: the
header `Counterfoil-Signature: t=<unix time>,v1=<hex>` holds the HMAC-SHA256 (RFC 2104) of `<t>.<body>` by the
shared secret.
"""

import hashlib
import hmac
import json
import smtplib
import ssl
import time
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate
from functools import partial
from typing import Any

from counterfoil.notices import Message
from counterfoil.settings import Settings

from .duty import log

PATIENCE_SECONDS = 10.0

Channel = Callable[[Message], None]


class CannotBeSent(Exception):
    """No further try would help: the person has no address, or the channel is gone."""


def open_channels(settings: Settings) -> dict[str, Channel]:
    """Those that the settings set up; the log always."""
    found: dict[str, Channel] = {"log": _log}
    if settings.smtp_host:
        found["email"] = partial(_mail, settings)
    if settings.webhook_url:
        found["webhook"] = partial(_post, settings)
    return found


def told(about: dict[str, Any], url: str | None) -> tuple[str, str]:
    """Subject and text of a message."""
    place = (url or "").rstrip("/")
    if about["occasion"] == "batch":
        link = f"\n\n{place}/batches/{about['batch_id']}" if place else ""
        return (f"Batch complete: {about.get('label')}", f"The batch {about.get('label')} is complete.{link}")
    count, state = about["count"], about["occasion"]
    number = "1 ticket is" if count == 1 else f"{count} tickets are"
    subject = f"{number} {state}: {about.get('view_model') or 'purged since'}"
    root = about.get("root_label") or about.get("root_id")
    lines = [
        f"{number} {state}.",
        "",
        f"The latest: ticket {about['ticket_id']}" + (f", {root}" if root else ""),
    ]
    lines += [about["error"]] if about.get("error") else []
    lines += ["", f"{place}/tickets/{about['ticket_id']}"] if place else []
    return subject, "\n".join(lines)


def _log(message: Message) -> None:
    subject, _ = told(message.about, None)
    log.info("notice %s for %s: %s", message.id, message.person, subject)


def _mail(settings: Settings, message: Message) -> None:
    subject, body = told(message.about, settings.url)
    mail = EmailMessage()
    mail["From"] = settings.smtp_sender
    mail["To"] = address_of(message.person, settings.mail_domain)
    mail["Subject"] = " ".join(subject.split())[:200]
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<counterfoil-notice-{message.id}@{str(settings.smtp_sender).rpartition('@')[2]}>"
    mail.set_content(body)
    connect: Any = smtplib.SMTP
    if settings.smtp_tls == "tls":
        connect = partial(smtplib.SMTP_SSL, context=ssl.create_default_context())
    with connect(settings.smtp_host, settings.smtp_port, timeout=PATIENCE_SECONDS) as server:
        if settings.smtp_tls == "starttls":
            server.starttls(context=ssl.create_default_context())
        if settings.smtp_user:
            server.login(settings.smtp_user, settings.smtp_password or "")
        server.send_message(mail)


def address_of(person: str, domain: str | None) -> str:
    """The mail address of a person's name. Raises CannotBeSent."""
    address = person if "@" in person or not domain else f"{person}@{domain}"
    if "@" not in address or not address.isprintable() or any(c in address for c in ' ,;<>()"\\:'):
        raise CannotBeSent(f"{person!r} is no mail address, and COUNTERFOIL_MAIL_DOMAIN makes none of it")
    return address


def _post(settings: Settings, message: Message) -> None:
    subject, _ = told(message.about, None)
    body = json.dumps({"id": message.id, "subject": subject} | message.about, ensure_ascii=False).encode()
    now = str(int(time.time()))
    request = urllib.request.Request(  # noqa: S310 - the settings allow http and https only
        str(settings.webhook_url),
        data=body,
        headers={
            "Content-Type": "application/json",
            "Counterfoil-Delivery": str(message.id),
            "Counterfoil-Signature": f"t={now},v1={signature(str(settings.webhook_secret), now, body)}",
        },
    )
    with _OPENER.open(request, timeout=PATIENCE_SECONDS) as answer:
        answer.read(1024)


def signature(secret: str, now: str, body: bytes) -> str:
    """The hexadecimal HMAC-SHA256 of a body sent at a time."""
    return hmac.new(secret.encode(), now.encode() + b"." + body, hashlib.sha256).hexdigest()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """A redirect is an error: the address is the settings', and no other."""


_OPENER = urllib.request.build_opener(_NoRedirects)
