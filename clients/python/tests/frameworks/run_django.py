"""Runs Django's own cache tests, file unchanged, and ours over `cache_pg.django.Cache`, on default settings.

    DATABASE_URL=postgresql:///postgres python run_django.py [SOURCE [TEST ...]]

DATABASE_URL names a database of a server that has the extension; the role may create databases. SOURCE, or
DJANGO_SOURCE, is the unpacked source distribution of the installed Django; without it, pip downloads that.
The last lines count what passed, failed and was skipped, with the reasons. The exit code is 1 on a failure.
"""

import collections
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

import django
import psycopg
from django.conf import settings
from django.test.runner import DiscoverRunner
from psycopg.conninfo import conninfo_to_dict

HERE = Path(__file__).parent
DATABASE = "test_cache_pg_django"


class Result(unittest.TextTestResult):
    """Remembers the class of each test, and its outcome."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.ran = []

    def startTest(self, test):
        super().startTest(test)
        self.ran.append(test)


class Runner(DiscoverRunner):
    """Keeps the result, for the counts."""

    def get_resultclass(self):
        return Result

    def suite_result(self, suite, result, **kwargs):
        self.result = result
        return super().suite_result(suite, result, **kwargs)


def source(directory: str) -> Path:
    """Return the unpacked source distribution: as told, or from the registry."""
    told = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("DJANGO_SOURCE")
    if told:
        return Path(told)
    version = django.get_version()
    options = ["--quiet", "--no-deps", "--no-binary=django", f"--dest={directory}"]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, f"Django=={version}"], check=True)
    (archive,) = Path(directory).glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(directory, filter="data")
    return Path(directory) / archive.name.removesuffix(".tar.gz")


def configure(url: str) -> None:
    """Point Django at the test database, by two aliases: `own` is a second connection to the database of `default`."""
    info = conninfo_to_dict(url)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": DATABASE.removeprefix("test_"),
        "HOST": info.get("host", ""),
        "PORT": info.get("port", ""),
        "USER": info.get("user", ""),
        "PASSWORD": info.get("password", ""),
    }
    settings.configure(
        DATABASES={"default": database, "own": {**database, "TEST": {"MIRROR": "default"}}},
        INSTALLED_APPS=["cache"],
        LANGUAGE_CODE="en",
        SECRET_KEY="of the tests",
        USE_TZ=False,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    )


def counts(result: Result) -> bool:
    """Print what passed, failed and was skipped, by class. Return whether all is well."""
    # A test fails once, however many of its subtests fail.
    failed = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors}
    failed |= {test.id() for test in result.unexpectedSuccesses}
    skipped = {test.id(): reason for test, reason in result.skipped}
    outcomes: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    for test in result.ran:
        outcome = "failed" if test.id() in failed else "skipped" if test.id() in skipped else "passed"
        outcomes[type(test).__qualname__][outcome] += 1
        outcomes["all"][outcome] += 1
    # An error outside of any test, such as one of setUpClass.
    outcomes["all"]["failed"] += len(failed - {test.id() for test in result.ran})
    print(f"\nDjango {django.get_version()}, tests/cache/tests.py and ours, over cache_pg:")
    for reason, number in collections.Counter(skipped.values()).items():
        print(f"  skipped {number}: {reason}")
    for name, of in sorted(outcomes.items(), key=lambda item: item[0] == "all"):
        print(f"  {name}: {of['passed']} passed, {of['failed']} failed, {of['skipped']} skipped")
    return outcomes["all"]["failed"] == 0 and outcomes["all"]["passed"] > 0


def main() -> int:
    """Run everything in a database of its own, and drop that."""
    url = os.environ["DATABASE_URL"]
    with tempfile.TemporaryDirectory() as directory:
        sys.path[:0] = [str(source(directory) / "tests"), str(HERE)]
        configure(url)
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            admin.execute(f"CREATE DATABASE {DATABASE}")
            try:
                with psycopg.connect(url, dbname=DATABASE, autocommit=True) as connection:
                    connection.execute("CREATE EXTENSION cache_pg")
                django.setup()
                runner = Runner(keepdb=True, interactive=False)
                runner.run_tests(sys.argv[2:] or ["django_suite", "django_own"])
            finally:
                admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        return 0 if counts(runner.result) else 1


if __name__ == "__main__":
    sys.exit(main())
