"""A Flask-SQLAlchemy application that was there before; the README's lines are applied to its text."""

import os

from flask import Flask, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class Customer(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    number: Mapped[int | None] = mapped_column(unique=True)


def next_number() -> int:
    return (db.session.scalar(select(func.max(Customer.number))) or 0) + 1


def as_json(customer: Customer) -> dict[str, object]:
    return {"id": customer.id, "name": customer.name, "number": customer.number}


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    db.init_app(app)

    with app.app_context():
        db.create_all()

    @app.get("/customers")
    def customers():
        found = db.session.scalars(select(Customer).order_by(Customer.id))
        return [as_json(customer) for customer in found]

    @app.get("/customers/<int:key>")
    def customer(key):
        return as_json(db.get_or_404(Customer, key))

    @app.post("/customers")
    def add_customer():
        customer = Customer(name=request.form["name"])
        db.session.add(customer)
        customer.number = next_number()
        db.session.commit()
        return as_json(customer), 201

    return app


if __name__ == "__main__":
    create_app().run()
