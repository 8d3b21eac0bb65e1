import re
from pathlib import Path

SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_snippets_run_twice(dsn):
    snippets = SNIPPET.findall((Path(__file__).parents[1] / "README.md").read_text())
    assert len(snippets) == 7
    for _ in range(2):
        variables = {"__name__": "readme"}
        for snippet in snippets:
            exec(compile(snippet, "README.md", "exec"), variables)
