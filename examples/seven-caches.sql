-- Seven namespaces of a platform for restaurants: one function call for each, instead of seven caches in the
-- application. Run it as the owner of the extension; running it again changes nothing.
--
-- A namespace is the part of a key before its first ":". An entry that cache_set('menu:burger-palace', …) creates lives
-- ten minutes, if the call has no ttl. A ttl in the call overrides that of the namespace.
--
-- With a jitter of 0.1, each entry lives up to a tenth shorter, at random. Use it for namespaces whose entries are
-- all set at the same time, after a deployment or when the restaurants open. Otherwise they would also expire at the
-- same time.

DO $$
BEGIN
    -- tenant:<slug>. Every request needs one, so all are loaded within seconds of a deployment.
    PERFORM cache_configure('tenant', default_ttl => '5 minutes', jitter => 0.1);

    -- session:<token>. People log in one by one. Without jitter, no session ends early.
    PERFORM cache_configure('session', default_ttl => '24 hours');

    -- permission:<user>. Looked up together with the tenant. Delete the key when a role changes.
    PERFORM cache_configure('permission', default_ttl => '5 minutes', jitter => 0.1);

    -- menu:<slug>. Large, rarely changed, and read very often at opening time.
    PERFORM cache_configure('menu', default_ttl => '10 minutes', jitter => 0.1);

    -- order:<number>. Orders arrive one by one.
    PERFORM cache_configure('order', default_ttl => '5 minutes');

    -- table:<slug>:<number>. The floor plan reads every table of a restaurant at once.
    PERFORM cache_configure('table', default_ttl => '5 minutes', jitter => 0.1);

    -- staff:<slug>. Read when a shift begins, in all restaurants at about the same time.
    PERFORM cache_configure('staff', default_ttl => '5 minutes', jitter => 0.1);
END
$$;

SELECT namespace, default_ttl, jitter FROM cache_namespaces ORDER BY namespace;
