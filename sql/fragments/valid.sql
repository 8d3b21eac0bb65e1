-- Whether no tag of the entry e has been invalidated since its value was written.
(e.tags IS NULL OR @extschema@.cache_tags_hold(e.tags, e.tag_generations))
