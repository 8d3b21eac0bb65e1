"""Compares three ways to keep a pickle of 10 kB: bytes in cache_pg, a hand-written table, and base64 in JSON.

Usage: DATABASE_URL=postgresql://... python benchmarks/bytes.py [ROUNDS]

Prints the bytes that each way stores, and the medians of a get and of a set in microseconds. The ways take turns in
every round, so a busy machine slows all of them. Creates the table `hand_written`, and drops it at the end.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import random
import statistics
import sys
import time
from collections.abc import Callable

import psycopg

KEYS = 100


def record(number: int) -> bytes:
    """A pickle of about 10 kB, as a web application has them: a page of rows."""
    dice = random.Random(number)
    rows = [
        {
            "id": dice.randrange(10**9),
            "name": dice.choice(["Cheeseburger", "Fries", "Cola", "Salad"]) + f" {dice.randrange(1000)}",
            "price": dice.randrange(100, 2000),
            "tags": dice.sample(["hot", "cold", "vegan", "new", "spicy", "large"], 3),
            "description": " ".join(dice.choices(["crisp", "fresh", "with", "sauce", "and", "onions", "cheese"], k=10)),
        }
        for _ in range(94)
    ]
    return pickle.dumps(rows, protocol=pickle.HIGHEST_PROTOCOL)


def main() -> None:
    """Run all ways in turns, and print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    db = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    db.execute("CREATE EXTENSION IF NOT EXISTS cache_pg")
    db.execute("CREATE TABLE hand_written (key text PRIMARY KEY, value bytea NOT NULL, expires_at timestamptz)")
    values = [record(number) for number in range(KEYS)]

    def send(sql: str, *arguments: object) -> object:
        row = db.execute(sql, arguments, prepare=True, binary=True).fetchone()
        return row[0] if row else None

    def set_hand(number: int, value: bytes) -> None:
        send(
            "INSERT INTO hand_written VALUES (%s, %b, now() + '10 minutes') ON CONFLICT (key) DO UPDATE"
            " SET value = excluded.value, expires_at = excluded.expires_at RETURNING true",
            f"page:{number}",
            value,
        )

    def get_hand(number: int) -> object:
        return send("SELECT value FROM hand_written WHERE key = %s AND expires_at > now()", f"page:{number}")

    def set_json(number: int, value: bytes) -> None:
        text = json.dumps(base64.b64encode(value).decode())
        send("SELECT cache_set(%s, %s::jsonb, '10 minutes') IS NOT NULL", f"json:{number}", text)

    def get_json(number: int) -> object:
        found = send("SELECT cache_get(%s)", f"json:{number}")
        return base64.b64decode(str(found))

    def set_bytes(number: int, value: bytes) -> None:
        send("SELECT cache_set_bytes(%s, %b, '10 minutes') IS NOT NULL", f"bytes:{number}", value)

    def get_bytes(number: int) -> object:
        return send("SELECT cache_get_bytes(%s)", f"bytes:{number}")

    ways: dict[str, tuple[Callable[[int], object], Callable[[int, bytes], None]]] = {
        "bytes in cache_pg": (get_bytes, set_bytes),
        "hand-written bytea table": (get_hand, set_hand),
        "base64 in jsonb in cache_pg": (get_json, set_json),
    }
    times: dict[str, tuple[list[float], list[float]]] = {way: ([], []) for way in ways}
    for turn in range(rounds + 1):
        for way, (get, put) in ways.items():
            gets, sets = times[way]
            for number, value in enumerate(values):
                started = time.perf_counter()
                put(number, value)
                between = time.perf_counter()
                found = get(number)
                ended = time.perf_counter()
                if found != value:
                    raise SystemExit(f"{way}: another value came back")
                # The first round makes the plans, and creates the rows.
                if turn > 0:
                    sets.append(between - started)
                    gets.append(ended - between)
    stored = {
        "bytes in cache_pg": "SELECT avg(pg_column_size(bytes)) FROM cache_entries WHERE key LIKE 'bytes:%%'",
        "hand-written bytea table": "SELECT avg(pg_column_size(value)) FROM hand_written",
        "base64 in jsonb in cache_pg": "SELECT avg(pg_column_size(value)) FROM cache_entries WHERE key LIKE 'json:%%'",
    }
    pickled = statistics.mean(len(value) for value in values)
    print(f"{KEYS} pickles of {pickled:,.0f} bytes on average, {rounds} rounds, {db.info.server_version}")
    print(f"{'way':28} {'stored, bytes':>14} {'get, us':>9} {'set, us':>9}")
    for way, (gets, sets) in times.items():
        size = float(str(send(stored[way])))
        print(f"{way:28} {size:14,.0f} {statistics.median(gets) * 1e6:9.0f} {statistics.median(sets) * 1e6:9.0f}")
    db.execute("DROP TABLE hand_written")
    db.execute("SELECT cache_clear('bytes'), cache_clear('json')")


if __name__ == "__main__":
    main()
