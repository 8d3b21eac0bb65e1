-- Configuration: a namespace before the settings.
SELECT cache_configure('shop', default_ttl => '10 minutes');
SELECT cache_set('shop:a', '1') - clock_timestamp() > interval '9 minutes' AS of_namespace,
       cache_set('other:a', '1') - clock_timestamp() < interval '6 minutes' AS of_setting,
       cache_set('shop:a', '1', '1 hour') - clock_timestamp() > interval '59 minutes' AS as_given;
SET cache_pg.default_ttl = '1h';
SELECT cache_set('other:a', '1') - clock_timestamp() > interval '59 minutes' AS of_setting;
RESET cache_pg.default_ttl;
SET cache_pg.max_ttl = '1min';
SELECT cache_set('other:a', '1') - clock_timestamp() < interval '61 seconds' AS default_is_cut;
RESET cache_pg.max_ttl;

-- Only what is given changes.
SELECT cache_configure('shop', jitter => 0.5, max_value_size => 20);
SELECT * FROM cache_namespaces;

-- Jitter spreads deadlines, and only shortens.
SELECT cache_set('shop:' || i, '1', '100 seconds') IS NOT NULL AS set FROM generate_series(1, 200) AS i GROUP BY 1;
SELECT count(DISTINCT expires_at) > 190 AS spread,
       max(expires_at - updated_at) <= interval '100 seconds' AS never_longer,
       min(expires_at - updated_at) >= interval '50 seconds' AS within_its_share,
       avg(expires_at - updated_at) BETWEEN interval '65 seconds' AND interval '85 seconds' AS even
FROM cache_entries WHERE key ~ '^shop:\d';

-- A value too large for the namespace, but not for others.
SELECT cache_set('shop:a', '"a value of some length"');
SELECT cache_set('other:a', '"a value of some length"') IS NOT NULL;
SELECT cache_set_many('{"other:b": "a value of some length", "shop:b": "a value of some length"}');

-- stale_for keeps the row longer, and nobody sees it but cache_fetch.
SELECT cache_configure('shop', stale_for => '1 hour', jitter => 0);
SELECT cache_set('shop:stale', '1') IS NOT NULL;
SELECT stale_until - expires_at AS stays FROM cache_entry('shop:stale');
UPDATE cache_entries SET expires_at = clock_timestamp() WHERE key = 'shop:stale';
SELECT cache_get('shop:stale'), cache_sweep() >= 0 AS swept;
SELECT count(*) AS still_there FROM cache_entries WHERE key = 'shop:stale';

-- A limit that is lowered later cuts the default of a namespace, as it cuts the setting.
SET cache_pg.max_ttl = '5min';
SELECT cache_set('shop:a', '1') - clock_timestamp() <= interval '5 minutes' AS cut, cache_incr('shop:n');
RESET cache_pg.max_ttl;

-- Rolled back with everything else, and then known to be.
BEGIN;
SELECT cache_configure('shop', default_ttl => '1 day');
SELECT cache_set('shop:a', '1') - clock_timestamp() > interval '23 hours' AS day;
ROLLBACK;
SELECT cache_set('shop:a', '1') - clock_timestamp() > interval '23 hours' AS day;

-- The owner may change the table by hand, too.
UPDATE cache_namespaces SET default_ttl = '2 hours' WHERE namespace = 'shop';
SELECT cache_set('shop:a', '1') - clock_timestamp() > interval '119 minutes' AS by_hand;

SELECT cache_unconfigure('shop'), cache_unconfigure('shop');
SELECT cache_set('shop:a', '1') - clock_timestamp() < interval '6 minutes' AS of_setting;

-- Keys without a namespace have one, too: ''.
SELECT cache_configure('', default_ttl => '3 minutes');
SELECT cache_set('plain', '1') - clock_timestamp() < interval '181 seconds' AS unnamed;
SELECT cache_unconfigure('');

-- A limit is compared with an interval as intervals are compared, on every day the same: a year is 360 days.
SET cache_pg.max_ttl = '360d';
SELECT cache_set('year:k', '1', interval '1 year 1 second');
SELECT cache_set('year:k', '1', interval '1 year') - now() > interval '364 days' AS by_the_calendar;
SELECT cache_configure('year', default_ttl => '1 year', stale_for => '1 year');
SELECT cache_set('year:d', '1') - now() > interval '364 days' AS by_the_calendar;
SELECT stale_until - expires_at > interval '364 days' AS by_the_calendar FROM cache_entry('year:d');
SET cache_pg.max_ttl = '359d';
SELECT cache_set('year:d', '1') - clock_timestamp() BETWEEN interval '358 days' AND interval '359 days' AS is_bounded;
SELECT stale_until - expires_at = interval '359 days' AS is_bounded FROM cache_entry('year:d');
RESET cache_pg.max_ttl;
SELECT cache_unconfigure('year'), cache_clear('year');
