"""The mail that the shop sends: into a table, so that nobody is bothered."""

from datetime import datetime

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from .db import Model, db


class MailboxUnknown(Exception):
    """The other side refused the recipient."""


class Mail(Model):
    """A mail that was sent. It is written in the transaction of the work: exactly once."""

    __tablename__ = "mails"

    id: Mapped[int] = mapped_column(primary_key=True)
    recipient: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    sent_at: Mapped[datetime] = mapped_column(server_default=func.now())


def send_mail(recipient: str, subject: str, body: str) -> None:
    """Send a mail. Raises MailboxUnknown for addresses of the domain `invalid`."""
    if recipient.endswith(".invalid"):
        raise MailboxUnknown(f"550 5.1.1 <{recipient}>: no such mailbox")
    db.session.add(Mail(recipient=recipient, subject=subject, body=body))
