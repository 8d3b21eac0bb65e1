import re
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent / "typed_program.py"


def test_a_program_of_a_user(tmp_path):
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), PROGRAM.name]
    done = subprocess.run(command, cwd=PROGRAM.parent, capture_output=True, text=True, check=False)
    wrong = [n for n, line in enumerate(PROGRAM.read_text().splitlines(), 1) if line.endswith("# wrong")]
    errors = re.findall(r"^typed_program\.py:(\d+): error: ", done.stdout, re.MULTILINE)
    assert [int(number) for number in errors] == wrong, done.stdout + done.stderr
