import re
from pathlib import Path

SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_snippets_run(dsn, db):
    db.execute("SELECT cache_clear(n) FROM unnest('{tenant,objects,pages}'::text[]) AS n")
    snippets = SNIPPET.findall((Path(__file__).parents[1] / "README.md").read_text())
    assert len(snippets) == 7
    variables = {"__name__": "readme"}
    for snippet in snippets:
        exec(compile(snippet, "README.md", "exec"), variables)
