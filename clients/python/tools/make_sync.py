"""Makes `_sync.py` of `_async.py`, so that each verb is written once. `--check` only compares."""

import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "cache_pg"
HEADER = "# Made by tools/make_sync.py of _async.py: change that file instead.\n"
RULES = [
    (r"# sync: ", ""),
    (r"\basync (?=def|with|for)", ""),
    (r"\bawait ", ""),
    (r"\bAwaitable\[(\w+)\]", r"\1"),
    (r"\bAwaitable, ", ""),
    (r"\bAbstractAsync", "Abstract"),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\basync(?=contextmanager)", ""),
    (r"\basync_(?=\w)", ""),
    (r"\bis_async=True", "is_async=False"),
    (r"\b__a(?=enter__|exit__)", "__"),
]


def sync(source: str) -> str:
    """The source with threads in place of tasks."""
    for pattern, replacement in RULES:
        source = re.sub(pattern, replacement, source)
    return HEADER + source


def main() -> None:
    """Write the file, or fail if it is not up to date."""
    target = PACKAGE / "_sync.py"
    made = sync((PACKAGE / "_async.py").read_text())
    if "--check" not in sys.argv:
        target.write_text(made)
    elif target.read_text() != made:
        sys.exit(f"{target} is out of date: run tools/make_sync.py")


if __name__ == "__main__":
    main()
