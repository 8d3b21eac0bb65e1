-- try_tag
-- $1 tag
-- Whether the caller's policies allow a row of the tag, as try_key does for a key.
INSERT INTO @extschema@.cache_tags (tag, generation, version) VALUES ($1, 0, NULL)
