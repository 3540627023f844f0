"""Alembic's entry: upgrades the connection that `Store.migrate` hands over (there is no ini file)."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # SQLite changes a table by writing it anew.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
