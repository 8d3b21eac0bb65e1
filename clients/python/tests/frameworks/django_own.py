"""Our tests of `cache_pg.django.Cache`: what Django's suite does not ask. See run_django.py."""

import enum
import io
import math
import pickle
import threading

from asgiref.sync import async_to_sync
from cache.models import Poll, expensive_calculation
from django.core import management
from django.core.cache import CacheKeyWarning, cache, caches
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection, transaction
from django.test import SimpleTestCase, TestCase, TransactionTestCase, override_settings

from cache_pg.django import Cache

BACKEND = {"BACKEND": "cache_pg.django.Cache", "LOCATION": "default"}
TOO_LARGE = b"x" * 2**20
DAY = 24 * 60 * 60


class Odd(enum.IntEnum):
    ONE = 1


def over_cache_pg(**others):
    return override_settings(CACHES={"default": BACKEND, **others})


def sql(query, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]


class Cleared:
    def setUp(self):
        super().setUp()
        # The model of the suite counts in it.
        expensive_calculation.num_runs = 0
        for each in caches.all():
            each.clear()


class Values(Cleared):
    """Values, keys and timeouts, in autocommit and in a transaction."""

    def remaining(self, key):
        return sql("SELECT cache_ttl_seconds(%s)", f"django::1:{key}")

    def test_integers_are_json_and_others_are_pickles(self):
        integers = [0, 1, -1, 2**63 - 1, -(2**63)]
        others = [2**63, -(2**63) - 1, 2**20000, True, Odd.ONE, 1.5, None, "5", b"5", b"", "", [5], {"a": {1}}]
        for value in integers + others:
            with self.subTest(type=type(value), value="" if value == 2**20000 else value):
                cache.set("k", value)
                self.assertEqual(cache.get("k"), value)
                self.assertIs(type(cache.get("k")), type(value))
                self.assertEqual(cache.get_many(["k"]), {"k": value})
                self.assertIs(cache.add("added", value), True)
                self.assertIs(type(cache.get("added")), type(value))
                cache.delete("added")
                is_json = sql("SELECT value IS NOT NULL FROM cache_entries WHERE key = 'django::1:k'")
                self.assertIs(is_json, type(value) is int and value in integers)

    def test_a_pickle_is_stored_as_it_is(self):
        cache.set("k", "value")
        stored = bytes(sql("SELECT cache_get_bytes('django::1:k')"))
        self.assertEqual(stored, pickle.dumps("value", pickle.HIGHEST_PROTOCOL))
        low = Cache("default", {"OPTIONS": {"PICKLE_PROTOCOL": 2}})
        low.set("k", "value")
        self.assertEqual(bytes(sql("SELECT cache_get_bytes('django::1:k')")), pickle.dumps("value", 2))
        self.assertEqual(cache.get("k"), "value")

    def test_json_of_another_client_can_be_read(self):
        sql("SELECT cache_set('django::1:k', '{\"a\": [1, null, \"ü\"]}'::jsonb) IS NOT NULL")
        self.assertEqual(cache.get("k"), {"a": [1, None, "ü"]})

    def test_timeouts(self):
        for timeout in (0, -1, -0.5, 1e-9, -(10 * 365 * DAY)):
            with self.subTest(timeout=timeout):
                cache.set("k", "old")
                cache.set("k", "new", timeout)
                self.assertIsNone(cache.get("k"))
                self.assertIs(cache.add("k", "new", timeout), True)
                self.assertIsNone(cache.get("k"))
                cache.set("k", "old")
                self.assertIs(cache.add("k", "new", timeout), False)
                self.assertEqual(cache.get("k"), "old")
                self.assertIs(cache.touch("k", timeout), True)
                self.assertIs(cache.touch("k", timeout), False)
                cache.set("k", "old")
                self.assertEqual(cache.set_many({"k": "new"}, timeout), [])
                self.assertIs(cache.has_key("k"), False)
        for timeout, seconds in (
            (None, 30 * DAY),
            (10 * 365 * DAY, 30 * DAY),
            (30 * DAY, 30 * DAY),
            (29 * DAY, 29 * DAY),
            (90.5, 90.5),
        ):
            with self.subTest(timeout=timeout):
                cache.set("set", 1, timeout)
                cache.add("add", "1", timeout)
                cache.set_many({"int": 1, "text": "1"}, timeout)
                cache.set("touched", 1)
                self.assertIs(cache.touch("touched", timeout), True)
                for key in ("set", "add", "int", "text", "touched"):
                    self.assertAlmostEqual(self.remaining(key), seconds, delta=60)
                    cache.delete(key)
        cache.set("k", 1)
        self.assertAlmostEqual(self.remaining("k"), 300, delta=60)

    def test_a_timeout_longer_than_max_ttl_lasts_as_long_as_allowed(self):
        self.addCleanup(lambda: sql("SELECT set_config('cache_pg.max_ttl', '30d', false)"))
        for setting, timeout, seconds in (("90min", DAY, 90 * 60), ("0", 400 * DAY, 400 * DAY), ("0", None, math.inf)):
            with self.subTest(setting=setting, timeout=timeout):
                sql("SELECT set_config('cache_pg.max_ttl', %s, false)", setting)
                cache.set("k", 1, timeout)
                if seconds == math.inf:
                    self.assertEqual(self.remaining("k"), math.inf)
                else:
                    self.assertAlmostEqual(self.remaining("k"), seconds, delta=60)

    def test_keys_that_are_the_same_text(self):
        self.assertEqual(cache.set_many({1: "first", "1": 2}), [])
        self.assertEqual(cache.get("1"), 2)

    def test_any_key(self):
        keys = ["with spaces", " led", "trailed ", "\n", "a\x00b", "a\x00c", "\x85", "a" * 251, "a" * 513, "a" * 514]
        keys += ["ü" * 300, "%s", "'", "", "{k}", 5, None]
        with self.assertWarns(CacheKeyWarning):
            self.assertEqual(cache.set_many({key: f"value of {key}" for key in keys}), [])
            self.assertEqual(cache.get_many(keys), {key: f"value of {key}" for key in keys})
            for key in keys:
                with self.subTest(key=key):
                    self.assertEqual(cache.get(key), f"value of {key}")
                    cache.set(key, 1)
                    self.assertEqual(cache.incr(key), 2)
                    self.assertIs(cache.touch(key), True)
                    self.assertIs(cache.delete(key), True)
                    self.assertIs(cache.has_key(key), False)

    def test_incr(self):
        with self.assertRaises(ValueError):
            cache.incr("missing")
        self.assertIs(cache.has_key("missing"), False)
        cache.set("k", 41, 1000, version=2)
        with self.assertRaises(ValueError):
            cache.incr("k")
        self.assertEqual(cache.incr("k", version=2), 42)
        self.assertEqual(cache.decr("k", 2, version=2), 40)
        self.assertEqual(cache.incr("k", Odd.ONE, version=2), 41)
        self.assertAlmostEqual(sql("SELECT cache_ttl_seconds('django::2:k')"), 1000, delta=60)
        for value in ("text", True, 1.0, 2**63):
            with self.subTest(value=value), self.assertRaises(TypeError):
                cache.set("k", value)
                cache.incr("k")
        cache.set("k", 2**63 - 1)
        with self.assertRaises(OverflowError):
            cache.incr("k")
        with self.assertRaises(OverflowError):
            cache.incr("k", 2**63)
        with self.assertRaises(TypeError):
            cache.incr("k", 1.5)
        # The transaction goes on.
        self.assertEqual(cache.decr("k"), 2**63 - 2)

    def test_a_value_that_is_too_large(self):
        cache.set("k", "old")
        with self.assertRaises(DatabaseError):
            cache.set("k", TOO_LARGE)
        self.assertIsNone(cache.get("k"), "an older value outlives a set that failed")
        with self.assertRaises(DatabaseError):
            cache.add("k", TOO_LARGE)
        cache.set("large", "old")
        data = {"int": 1, "large": TOO_LARGE, "text": "text"}
        self.assertEqual(cache.set_many(data), ["large"])
        self.assertEqual(cache.get_many(data), {"int": 1, "text": "text"})
        self.assertEqual(Poll.objects.count(), 0)

    def test_statements(self):
        with self.assertNumQueries(1):
            cache.set_many({"d": "d", "b": "b", "c": 3, "a": 1})
        with self.assertNumQueries(1):
            self.assertEqual(cache.get_many(["a", "b", "c", "d", "e"]), {"a": 1, "b": "b", "c": 3, "d": "d"})
        with self.assertNumQueries(1):
            self.assertEqual(cache.incr("a"), 2)
        with self.assertNumQueries(1):
            cache.delete_many(["a", "b", "e"])
        with self.assertNumQueries(0):
            cache.set_many({})
            cache.get_many([])
            cache.delete_many([])

    def assertNumQueries(self, number, *args, **kwargs):
        """Count without the savepoints."""
        savepoints = 2 * number if connection.in_atomic_block else 0
        return super().assertNumQueries(number + savepoints, *args, **kwargs)

    def test_async(self):
        async def verbs():
            self.assertEqual(await cache.aset_many({"a": 1, "b": "b"}), [])
            self.assertEqual(await cache.aincr("a"), 2)
            self.assertEqual(await cache.adecr("a", 2), 0)
            self.assertEqual(await cache.aget_many(["a", "b", "c"]), {"a": 0, "b": "b"})
            self.assertIs(await cache.ahas_key("a"), True)
            self.assertIs(await cache.atouch("a", 0), True)
            self.assertEqual(await cache.aget_or_set("a", lambda: "new"), "new")
            self.assertEqual(await cache.aincr_version("a"), 2)
            await cache.adelete_many(["b", "c"])
            self.assertIs(await cache.ahas_key("b"), False)
            with self.assertRaises(ValueError):
                await cache.aincr("missing")
            await cache.aclear()
            self.assertIsNone(await cache.aget("a", version=2))

        async_to_sync(verbs)()

    def test_aincr_keeps_the_timeout(self):
        cache.set("k", 1, 1000)
        self.assertEqual(async_to_sync(cache.aincr)("k"), 2)
        self.assertAlmostEqual(self.remaining("k"), 1000, delta=60)


@over_cache_pg()
class ValuesInAutocommit(Values, TransactionTestCase):
    available_apps = ("cache",)


@over_cache_pg()
class ValuesInATransaction(Values, TestCase):
    pass


@over_cache_pg(own={**BACKEND, "LOCATION": "own"}, routed={"BACKEND": BACKEND["BACKEND"]})
class Transactions(Cleared, TransactionTestCase):
    """Calls within a transaction."""

    available_apps = ("cache",)
    databases = frozenset({"default", "own"})

    def test_rollback_undoes_a_set_and_a_delete(self):
        cache.set("deleted", "value")
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            cache.set("set", "value")
            cache.delete("deleted")
            self.assertEqual(cache.get_many(["set", "deleted"]), {"set": "value"})
            raise ZeroDivisionError
        self.assertEqual(cache.get_many(["set", "deleted"]), {"deleted": "value"})

    def test_an_alias_of_its_own_has_a_connection_of_its_own(self):
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            caches["own"].set("k", "value")
            raise ZeroDivisionError
        self.assertEqual(cache.get("k"), "value")
        with transaction.atomic():
            cache.delete("k")
            self.assertEqual(caches["own"].get("k"), "value")
        self.assertIsNone(caches["own"].get("k"))

    def test_an_error_leaves_the_transaction_usable(self):
        with transaction.atomic():
            Poll.objects.create(question="?")
            for call in (
                lambda: cache.set("k", TOO_LARGE),
                lambda: cache.add("k", TOO_LARGE),
                lambda: sql_error(cache),
            ):
                with self.assertRaises(DatabaseError):
                    call()
        self.assertEqual(Poll.objects.count(), 1)

    def test_without_autocommit(self):
        transaction.set_autocommit(False)
        self.addCleanup(transaction.set_autocommit, True)
        cache.set("k", "value")
        with self.assertRaises(DatabaseError):
            cache.set("large", TOO_LARGE)
        self.assertEqual(cache.get("k"), "value")
        transaction.rollback()
        self.assertIsNone(cache.get("k"))
        transaction.rollback()

    def test_without_savepoints(self):
        plain = Cache("default", {"OPTIONS": {"SAVEPOINTS": False}})
        with self.assertRaises(DatabaseError), transaction.atomic():
            with self.assertRaises(DatabaseError) as raised:
                plain.set("k", TOO_LARGE)
            self.assertIn("too large", str(raised.exception))
            Poll.objects.count()

    def test_without_savepoints_where_the_server_swallows(self):
        plain = Cache("default", {"OPTIONS": {"SAVEPOINTS": False}})
        sql("SELECT set_config('cache_pg.errors', 'ignore', false)")
        self.addCleanup(lambda: sql("SELECT set_config('cache_pg.errors', 'raise', false)"))
        plain.set_many({"k": "old", "large": "old"})
        with transaction.atomic():
            with self.assertNumQueries(2):
                plain.set("k", TOO_LARGE)
            self.assertIsNone(plain.get("k"))
            self.assertIs(plain.add("k", TOO_LARGE), False)
            self.assertEqual(plain.set_many({"large": TOO_LARGE, "text": "text"}), ["large"])
            self.assertEqual(plain.get_many(["large", "text"]), {"text": "text"})
            Poll.objects.create(question="?")
        self.assertEqual(Poll.objects.count(), 1)

    def test_the_routers_choose_where_no_alias_is_given(self):
        asked = []

        class Router:
            def db_for_read(self, model, **hints):
                asked.append(("read", model._meta.app_label))

            def db_for_write(self, model, **hints):
                asked.append(("write", model._meta.app_label))
                return "own"

        with override_settings(DATABASE_ROUTERS=[Router()]):
            caches["routed"].set("k", 1)
            self.assertEqual(caches["routed"].get("k"), 1)
            self.assertEqual(caches["routed"].get_many(["k"]), {"k": 1})
            self.assertEqual(asked, [("write", "django_cache"), ("read", "django_cache"), ("read", "django_cache")])
            cache.set("k", 2)
            self.assertEqual(len(asked), 3)

    def test_set_many_in_two_transactions_does_not_deadlock(self):
        keys = [f"k{number}" for number in range(100)]
        started, errors = threading.Barrier(2, timeout=20), []

        def write(is_int):
            try:
                for _ in range(20):
                    started.wait()
                    with transaction.atomic():
                        cache.set_many({key: 1 if (number % 2) == is_int else "1" for number, key in enumerate(keys)})
            except Exception as error:
                errors.append(error)
                started.abort()
            finally:
                connection.close()

        threads = [threading.Thread(target=write, args=(is_int,)) for is_int in (False, True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        self.assertEqual(len(cache.get_many(keys)), 100)

    def test_incr_is_atomic(self):
        cache.set("k", 0)

        def increment():
            for _ in range(50):
                cache.incr("k")
            connection.close()

        threads = [threading.Thread(target=increment) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(cache.get("k"), 200)


def sql_error(over):
    """Call a function that does not exist, as an error that no server setting swallows."""
    return over._fetch("default", "SELECT cache_no_such_function(%s)", [1])


@over_cache_pg(
    prefixed={**BACKEND, "KEY_PREFIX": "prefix"},
    tenant={**BACKEND, "OPTIONS": {"NAMESPACE": "tenant"}},
)
class Namespaces(Cleared, TestCase):
    def test_keys(self):
        cache.set("k", 1)
        caches["prefixed"].set("k", 2, version=3)
        caches["tenant"].set("k", 3)
        for key, value in {"django::1:k": 1, "django:prefix:3:k": 2, "tenant::1:k": 3}.items():
            self.assertEqual(sql("SELECT cache_get(%s)::text", key), str(value))

    def test_clear_leaves_other_namespaces(self):
        sql("SELECT cache_set('djangor:k', '1'::jsonb) IS NOT NULL")
        sql("SELECT cache_set('django', '1'::jsonb) IS NOT NULL")
        caches["tenant"].set("k", 1)
        caches["prefixed"].set("k", 1)
        with self.assertWarns(CacheKeyWarning):
            cache.set("\n" + "k" * 600, 1)
        cache.clear()
        self.assertEqual(caches["tenant"].get("k"), 1)
        self.assertIs(sql("SELECT cache_exists('djangor:k')"), True)
        self.assertIs(sql("SELECT cache_exists('django')"), True)
        self.assertIs(caches["prefixed"].has_key("k"), False)
        self.assertEqual(sql("SELECT cache_count('django')"), 0)
        caches["tenant"].clear()
        self.assertIsNone(caches["tenant"].get("k"))

    def test_createcachetable_makes_nothing(self):
        out = io.StringIO()
        management.call_command("createcachetable", stdout=out)
        self.assertEqual(out.getvalue(), "")


@over_cache_pg(own={**BACKEND, "OPTIONS": {"SCHEMA": "odd % schema"}})
class Schema(TestCase):
    def test_every_verb(self):
        with connection.cursor() as cursor:
            # The transaction of the test undoes it.
            cursor.execute('DROP EXTENSION cache_pg; CREATE SCHEMA "odd % schema"')
            cursor.execute('CREATE EXTENSION cache_pg SCHEMA "odd % schema"')
        odd = caches["own"]
        with self.assertRaises(DatabaseError):
            cache.get("a")
        odd.set("a", 1)
        odd.set_many({"b": "b", "c": 3})
        odd.set_many({"d": "d"})
        odd.set_many({"e": 5})
        self.assertEqual(odd.get_many("abcdef"), {"a": 1, "b": "b", "c": 3, "d": "d", "e": 5})
        self.assertEqual((odd.get("a"), odd.incr("a"), odd.touch("a"), odd.has_key("a")), (1, 2, True, True))
        self.assertEqual((odd.add("a", 1), odd.add("f", "f"), odd.add("g", 1, 0)), (False, True, True))
        self.assertIs(odd.delete("a"), True)
        odd.delete_many("bc")
        odd.clear()
        self.assertEqual(odd.get_many("abcdef"), {})


class Options(SimpleTestCase):
    def test_refused(self):
        for options in (
            {"NAMESPACE": ""},
            {"NAMESPACE": "a:b"},
            {"NAMESPACE": " a"},
            {"NAMESPACE": "n" * 101},
            {"PICKLE_PROTOCOL": 1},
            {"PICKLE_PROTOCOL": pickle.HIGHEST_PROTOCOL + 1},
        ):
            with self.subTest(options=options), self.assertRaises(ImproperlyConfigured):
                Cache("default", {"OPTIONS": options})

    def test_max_entries_does_not_matter(self):
        Cache("default", {"OPTIONS": {"MAX_ENTRIES": 1, "CULL_FREQUENCY": 0}})
