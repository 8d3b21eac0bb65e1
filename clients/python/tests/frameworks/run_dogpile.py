"""Runs the suite of dogpile.cache, files unchanged, and ours over `cache_pg.dogpile`, on default settings.

    DATABASE_URL=postgresql:///postgres python run_dogpile.py [SOURCE [TEST ...]]

DATABASE_URL names a database of a server that has the extension; the role may create databases. The suite is
`dogpile.testing` of the installed wheel; SOURCE, or DOGPILE_SOURCE, is another place to import it from.
The last lines count what passed, failed and was skipped, with the reasons. The exit code is 1 on a failure.
"""

import collections
import importlib.metadata
import os
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

HERE = Path(__file__).parent
DATABASE = "test_cache_pg_dogpile"


class Counts:
    """Counts the outcomes by class."""

    def __init__(self):
        self.outcomes = collections.defaultdict(collections.Counter)
        self.reasons = collections.Counter()

    def pytest_runtest_logreport(self, report):
        outcome = report.outcome
        if outcome == "passed" and report.when != "call":
            return
        if outcome == "skipped":
            self.reasons[report.longrepr[2].removeprefix("Skipped: ")] += 1
        name = report.nodeid.split("::")[1]
        self.outcomes[name][outcome] += 1
        self.outcomes["all"][outcome] += 1

    def pytest_collectreport(self, report):
        if report.failed:
            self.outcomes["all"]["failed"] += 1

    def show(self) -> bool:
        """Print the counts. Return whether all is well."""
        version = importlib.metadata.version("dogpile.cache")
        print(f"\ndogpile.cache {version}, dogpile.testing and ours, over cache_pg:")
        for reason, number in self.reasons.items():
            print(f"  skipped {number}: {reason}")
        for name, of in sorted(self.outcomes.items(), key=lambda item: item[0] == "all"):
            print(f"  {name}: {of['passed']} passed, {of['failed']} failed, {of['skipped']} skipped")
        return self.outcomes["all"]["failed"] == 0 and self.outcomes["all"]["passed"] > 0


def main() -> int:
    """Run everything in a database of its own, and drop that."""
    url = os.environ["DATABASE_URL"]
    source = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("DOGPILE_SOURCE")
    if source:
        sys.path.insert(0, source)
    counts = Counts()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {DATABASE}")
        try:
            os.environ["DOGPILE_DATABASE_URL"] = make_conninfo(url, dbname=DATABASE)
            with psycopg.connect(os.environ["DOGPILE_DATABASE_URL"], autocommit=True) as connection:
                connection.execute("CREATE EXTENSION cache_pg")
            files = [str(HERE / "dogpile_suite.py"), str(HERE / "dogpile_own.py")]
            markers = ["-o", "markers=time_intensive: a marker of the suite"]
            options = ["-p", "no:cacheprovider", f"--rootdir={HERE}", "-c", os.devnull, *markers]
            code = pytest.main([*options, *(sys.argv[2:] or files)], plugins=[counts])
        finally:
            admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    return 0 if counts.show() and code == pytest.ExitCode.OK else 1


if __name__ == "__main__":
    sys.exit(main())
