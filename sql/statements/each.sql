-- $1 an object: its keys and values in the order in which every writer locks them
SELECT key, value FROM pg_catalog.jsonb_each($1) ORDER BY key COLLATE pg_catalog."C"
