"""Counterfoil: work that an application does later, written in its own transaction."""

from . import tables, ticket, triggers  # noqa: F401 - declares all tables of the metadata
