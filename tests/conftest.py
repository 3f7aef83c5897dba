"""Personas, a frozen clock and a database on which threads can race, for every test.

Fixtures: ``frozen_clock`` (``.move_to(day)``), ``today``; people ``administrator``, ``manager``, ``viewer``,
``outsider``, ``staff``; each of them signed in: ``administrator_client`` and so on, and ``anonymous_client``; ``organization`` and
``other_organization``; ``camera_station`` and ``audio_manager``; ``books`` to act in ``organization`` briefly.
"""

import os
import random
import shutil
import sys
import tempfile
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from typing import Any

# Before Django loads: tests never run with the settings of a real installation.
os.environ.setdefault("MODE", "test")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "licensemgr.settings")
if "VAR_DIR" not in os.environ:
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="license-manager-tests-")
    _made_var_dir = os.environ["VAR_DIR"]
else:
    _made_var_dir = ""
if "DATABASE_URL" not in os.environ:
    os.environ["DATABASE_URL"] = f"sqlite:///{os.environ['VAR_DIR']}/unused.sqlite3"
import django

django.setup()

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.handlers.base import BaseHandler
from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.test import Client
from django.utils import translation
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from licensemgr.core import clock
from licensemgr.core.tenancy import Part, acting, sent_as_now
from organizations.models import Organization, Role, User
from organizations.services import add_member, create_organization
from products.models import Product
from tests import factories

TODAY = date(2027, 3, 1)
if settings.REDIS_URL:
    # Each worker has a Redis database of its own, so that emptying one cache leaves the others alone.
    _number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 14 + 1
    settings.CACHES["default"]["LOCATION"] = (
        urllib.parse.urlsplit(settings.REDIS_URL)._replace(path=f"/{_number}").geturl()
    )
# Threads of the race tests and the many seconds of the simulations are no reason to fail an example.
hypothesis_settings.register_profile(
    "project", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("project")


def _let_the_web_answer() -> None:
    """A request is answered as in production: in the web's role, which sees no tenant's rows. Tests arrange as the owner."""
    original = BaseHandler.get_response

    def get_response(self: BaseHandler, request: HttpRequest) -> HttpResponseBase:
        with acting(Part.WEB):
            return sent_as_now(original(self, request))

    BaseHandler.get_response = get_response  # type: ignore[method-assign]


_let_the_web_answer()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder that this process made."""
    if _made_var_dir and not hasattr(config, "workerinput"):
        shutil.rmtree(_made_var_dir, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of what takes long, draw a share by the run's seed: of BROWSER_SHARE browser tests one, of SLOW_SHARE others one."""
    draw_share(config, items, int(os.environ.get("BROWSER_SHARE", "1")), lambda item: _is(item, "browser"))
    draw_share(
        config,
        items,
        int(os.environ.get("SLOW_SHARE", "1")),
        lambda item: _is(item, "slow") and not any(_is(item, name) for name in ("browser", "gallery", "lighthouse")),
    )


def draw_share(
    config: pytest.Config, items: list[pytest.Item], share: int, is_meant: Callable[[pytest.Item], bool]
) -> None:
    """Leave one of ``share`` of the items that are meant, and all the others. Those left out are reported as deselected."""
    meant = sorted(item.nodeid for item in items if is_meant(item))
    seed = getattr(config.option, "randomly_seed", 0)
    left_out = set(meant) - set(random.Random(seed).sample(meant, -(-len(meant) // share)))
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left_out])
    items[:] = [item for item in items if item.nodeid not in left_out]


def _is(item: pytest.Item, marker: str) -> bool:
    return item.get_closest_marker(marker) is not None


def pytest_report_header() -> str:
    """Say on which database the tests run."""
    return f"database: {settings.DATABASES['default']['ENGINE'].rsplit('.', 1)[-1]}, Python {sys.version.split()[0]}"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """On SQLite the tests have a file: threads of an in-memory database share one lock and would prove nothing."""
    if settings.SQLITE:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        folder = os.environ["VAR_DIR"]
        os.makedirs(folder, exist_ok=True)
        name = f"{folder}/test-{worker}-{os.getpid()}.sqlite3"
        # Tests that are run by a test get a database that is ready.
        connection.settings_dict["TEST"]["NAME"] = os.environ.get("TEST_DATABASE", name)
        _let_flush_pass_the_triggers()


@pytest.fixture(scope="session", autouse=True)
def _end_other_sessions(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Before PostgreSQL drops the test database: end what a browser's open connection keeps alive on the server's side."""
    yield
    if connection.vendor != "postgresql" or "test_" not in str(connection.settings_dict["NAME"]):
        return
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )


def _let_flush_pass_the_triggers() -> None:
    """Between tests that commit, SQLite is emptied by DELETE, which the append-only triggers refuse; set them aside then."""
    # On the class: within a browser test's event loop the same thread has a second connection.
    operations = type(connection.ops)
    original = operations.sql_flush

    def sql_flush(self, style, tables, **options):
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
        drop = [f'DROP TRIGGER "{name}"' for name, _sql in triggers]
        return [*drop, *original(self, style, tables, **options), *(sql for _name, sql in triggers)]

    operations.sql_flush = sql_flush  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _empty_cache(request: pytest.FixtureRequest) -> None:
    """What one test leaves in the shared cache (tries of keys, limits) is no business of the next."""
    if {"db", "transactional_db", "live_server"} & set(request.fixturenames) or request.node.get_closest_marker(
        "django_db"
    ):
        request.getfixturevalue("_django_db_helper")
        cache.clear()


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    """Nor is the language that a page was read in: it stays the thread's own after an answer."""
    yield
    translation.activate(settings.LANGUAGE_CODE)


class FrozenClock:
    """The business clock, standing at noon UTC of a day until it is moved."""

    def __init__(self, day: date) -> None:
        self.move_to(day)

    def move_to(self, day: date, at: time = time(12)) -> None:
        """Let it be that day, at that time of UTC."""
        self.instant = datetime.combine(day, at, tzinfo=UTC)

    @property
    def today(self) -> date:
        """The date at which it stands, in UTC."""
        return self.instant.date()


@pytest.fixture
def frozen_clock(monkeypatch: pytest.MonkeyPatch) -> FrozenClock:
    """The clock stands at noon UTC of 1 March 2027 and can be moved."""
    frozen = FrozenClock(TODAY)
    monkeypatch.setattr(clock, "now", lambda: frozen.instant)
    return frozen


@pytest.fixture
def today(frozen_clock: FrozenClock) -> date:
    """Today, by the frozen clock."""
    return frozen_clock.today


@pytest.fixture
def administrator(db: None, today: date) -> User:
    """The administrator of ``organization``."""
    return factories.UserFactory.create(email="administrator@example.com", first_name="Ada", last_name="Minister")


@pytest.fixture
def organization(administrator: User, today: date) -> Organization:
    """The organization whose members the personas are."""
    return create_organization(name="Harbour Cameras", slug="harbour", actor=administrator, on=today)


@pytest.fixture
def manager(organization: Organization, today: date) -> User:
    """A manager of ``organization``."""
    return _member(organization, "manager@example.com", Role.MANAGER, today)


@pytest.fixture
def viewer(organization: Organization, today: date) -> User:
    """A viewer of ``organization``."""
    return _member(organization, "viewer@example.com", Role.VIEWER, today)


def _member(organization: Organization, email: str, role: Role, on: date) -> User:
    user = factories.UserFactory.create(email=email)
    add_member(organization=organization, user=user, role=role, actor=None, on=on)
    return user


@pytest.fixture
def outsider(db: None) -> User:
    """The administrator of ``other_organization``, a stranger to ``organization``."""
    return factories.UserFactory.create(email="outsider@example.org")


@pytest.fixture
def other_organization(outsider: User, today: date) -> Organization:
    """An organization to which only ``outsider`` belongs."""
    return create_organization(name="Other Port", slug="other", actor=outsider, on=today)


@pytest.fixture
def staff(db: None) -> User:
    """A person of the vendor, with the admin site and without any membership."""
    return User.objects.create_superuser("staff@example.net", "a long staff password")


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


@pytest.fixture
def administrator_client(organization: Organization, administrator: User) -> Client:
    """``administrator``, signed in."""
    return _signed_in(administrator)


@pytest.fixture
def manager_client(manager: User) -> Client:
    """``manager``, signed in."""
    return _signed_in(manager)


@pytest.fixture
def viewer_client(viewer: User) -> Client:
    """``viewer``, signed in."""
    return _signed_in(viewer)


@pytest.fixture
def outsider_client(organization: Organization, other_organization: Organization, outsider: User) -> Client:
    """``outsider``, signed in."""
    return _signed_in(outsider)


@pytest.fixture
def staff_client(staff: User) -> Client:
    """``staff``, signed in."""
    return _signed_in(staff)


@pytest.fixture
def anonymous_client() -> Client:
    """Nobody."""
    return Client()


@pytest.fixture
def camera_station(db: None) -> Product:
    """Camera Station: core-device and universal-device in catalogue order, a trial of 30 days."""
    return factories.camera_station()


@pytest.fixture
def audio_manager(db: None) -> Product:
    """Audio Manager: audio-device, no trial."""
    return factories.audio_manager()


@pytest.fixture
def books(organization: Organization, camera_station: Product, audio_manager: Product) -> Iterator[factories.Books]:
    """Acts in ``organization`` through the services; histories that are played may leap through the years."""
    with clock.jumps_allowed():
        yield factories.Books(organization)
