"""What Alembic's autogenerate proposes for a database that has the cache, as the body of a migration.

The argument says how Alembic is set up: `plain`; `pinned`, as docs/migration-tools.md says; `schemas`, the same with
`include_schemas`; or `app`, which is no Alembic at all, but an application that calls the cache.
"""

import os
import sys

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import Column, MetaData, Table, Text, create_engine, text

URL = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)


def include_name(name, type_, parent_names):
    return type_ != "schema" or name in (None, "public")


def proposed(engine, **options):
    metadata = MetaData()
    Table("tenants", metadata, Column("slug", Text, primary_key=True))
    metadata.create_all(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": metadata, **options})
        return render_python_code(produce_migrations(context, metadata).upgrade_ops)


def cached():
    with create_engine(URL).begin() as connection:
        connection.execute(text("SELECT cache_set('tenant:burger-palace', '\"pro\"')"))
        return connection.execute(text("SELECT cache_get('tenant:burger-palace')")).scalar_one()


mode = sys.argv[1]
if mode == "app":
    print(cached())
elif mode == "plain":
    print(proposed(create_engine(URL)))
else:
    engine = create_engine(URL, connect_args={"options": "-c search_path=public"})
    options = {"include_schemas": True, "include_name": include_name} if mode == "schemas" else {}
    print(proposed(engine, **options))
