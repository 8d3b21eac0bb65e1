-- Whether the entry e is live: it has a value, its deadline has not come, and no tag of it has been invalidated since.
(@has_value@ AND e.expires_at OPERATOR(pg_catalog.>) @clock@ AND @valid@)
