"""Django's own tests of a cache backend, `tests/cache/tests.py`, as its other backends run them. See run_django.py."""

from cache import tests
from django.core.cache import caches
from django.test import TestCase, TransactionTestCase, override_settings


def over_cache_pg(**parameters):
    """Return the settings of the suite over our backend, which leaves culling to the server."""
    return override_settings(
        CACHES=tests.caches_setting_for_tests(
            BACKEND="cache_pg.django.Cache", exclude={"cull", "zero_cull"}, **parameters
        )
    )


@over_cache_pg(LOCATION="default")
class DjangoSuiteInAutocommit(tests.BaseCacheTests, TransactionTestCase):
    available_apps = ("cache",)


@over_cache_pg(LOCATION="default")
class DjangoSuiteInATransaction(tests.BaseCacheTests, TestCase):
    pass


@over_cache_pg(LOCATION="own")
class DjangoSuiteOnItsOwnConnection(tests.BaseCacheTests, TestCase):
    databases = frozenset({"default", "own"})


@over_cache_pg()
class DjangoSuiteOnTheRouterChoice(tests.BaseCacheTests, TestCase):
    pass


# The suite runs its tests of the middleware over the local memory cache only. They hold over any backend.


class _Middleware:
    databases = frozenset({"default"})

    def setUp(self):
        super().setUp()
        for cache in caches.all():
            cache.clear()


_OURS = {"BACKEND": "cache_pg.django.Cache", "LOCATION": "default"}
_BOTH = {"default": _OURS, "other": {**_OURS, "TIMEOUT": "1", "OPTIONS": {"NAMESPACE": "other"}}}
_over_one = override_settings(CACHES={"default": _OURS})
_over_prefix = override_settings(CACHES={"default": {**_OURS, "KEY_PREFIX": "cacheprefix"}})


@_over_one
class DjangoCacheUtils(_Middleware, tests.CacheUtils):
    pass


@_over_prefix
class DjangoPrefixedCacheUtils(_Middleware, tests.PrefixedCacheUtils):
    pass


@_over_one
class DjangoCacheHEAD(_Middleware, tests.CacheHEADTest):
    pass


@_over_one
class DjangoCacheI18n(_Middleware, tests.CacheI18nTest):
    pass


@_over_prefix
class DjangoPrefixedCacheI18n(_Middleware, tests.PrefixedCacheI18nTest):
    pass


@override_settings(CACHES=_BOTH)
class DjangoCacheMiddleware(_Middleware, tests.CacheMiddlewareTest):
    pass


@_over_one
class DjangoTemplateResponse(_Middleware, tests.TestWithTemplateResponse):
    pass
