"""The owner's evening mail: how many orders stand where. A schedule opens its ticket every day."""

from sqlalchemy import func, select

from counterfoil import schedule, target

from .db import db
from .mail import send_mail
from .orders import Order


@target("Evening.tell_the_owner", keep_receipt_minutes=7 * 24 * 60)
def tell_the_owner() -> str:
    """Count the orders by what has become of them, and write to the owner."""
    counted = select(Order.status, func.count()).group_by(Order.status).order_by(Order.status)
    lines = [f"{number} {status}" for status, number in db.session.execute(counted)] or ["none"]
    send_mail("owner@shop.example", "Orders tonight", "\n".join(lines))
    return ", ".join(lines)


schedule("evening-mail", cron="30 20 * * *", zone="Europe/London", view_model=tell_the_owner)
