"""What a user writes first."""

import os

import psycopg

import cache_pg

with cache_pg.Cache(os.environ["DATABASE_URL"], errors="raise") as cache:
    tenants = cache.namespace("tenant", ttl=300)
    assert tenants.get("burger-palace") is None
    assert tenants.set("burger-palace", {"name": "Burger Palace"})
    assert tenants.get("burger-palace") == {"name": "Burger Palace"}
    assert tenants.get_or_set("burger-palace", lambda: {"name": "Other"}) == {"name": "Burger Palace"}
    assert tenants.get_or_set("noodle-bar", lambda: {"name": "Noodle Bar"}) == {"name": "Noodle Bar"}

# The extension has what the client has written.
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    assert connection.execute("SELECT cache_get('tenant:noodle-bar')").fetchone() == ({"name": "Noodle Bar"},)
