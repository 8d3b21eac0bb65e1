import os
import subprocess
import sys
import venv
from pathlib import Path

PROJECT = Path(__file__).parents[1]

SMOKE = """
import os, pathlib, cache_pg

assert (pathlib.Path(cache_pg.__file__).parent / "py.typed").exists()
with cache_pg.Cache(os.environ["DATABASE_URL"], errors="raise") as cache:
    smoke = cache.namespace("smoke")
    smoke.set("a", {"b": 1}, ttl=60)
    print(smoke.take("a"))
"""


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_sync_is_made_of_async():
    run(sys.executable, str(PROJECT / "tools" / "make_sync.py"), "--check")


def test_wheel_works_in_an_empty_folder(dsn, tmp_path):
    run(sys.executable, "-m", "build", "--outdir", str(tmp_path / "dist"), str(PROJECT))
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    assert list((tmp_path / "dist").glob("*.tar.gz"))
    venv.create(tmp_path / "venv", with_pip=True)
    python, empty = str(tmp_path / "venv" / "bin" / "python"), tmp_path / "empty"
    empty.mkdir()
    run(python, "-m", "pip", "install", "--quiet", f"cache-pg[binary] @ {wheel.as_uri()}")
    assert run(python, "-c", SMOKE, cwd=empty, env={**os.environ, "DATABASE_URL": dsn}) == "{'b': 1}\n"
