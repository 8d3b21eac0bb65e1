-- Whether the entry e has a value, JSON or bytes. A row without one is a tombstone, holds a lease, or is in line.
(e.value IS NOT NULL OR e.bytes IS NOT NULL)
