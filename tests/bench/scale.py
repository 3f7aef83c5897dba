"""A million organizations on PostgreSQL, and how long pages and changes of some of them take: p50 and p95, never asserted.

    DATABASE_URL=postgresql://postgres@127.0.0.1:5432/scale_bench MODE=test DATABASE_PARTITIONS=16 \\
        .venv/bin/python -m tests.bench.scale          # ORGANIZATIONS=10000 for a small one, PLAIN=1 compares with plain tables

Makes that database anew and drops it at the end (KEEP=1 leaves it, REUSE=1 takes it as it was left). A few organizations are
made through the services, and all others copied from them row by row (copying.py). Then processes, as many as there are cores,
ask for the Product list, allocate and settle in organizations drawn at random, as the web and the worker do: through the door,
in the roles and under the policies of PostgreSQL. What is measured is the portal's work and the database's; there is no web
server between, and no browser. docs/scale.md has the figures of one run.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

ORGANIZATIONS = int(os.environ.get("ORGANIZATIONS", "1000000"))
# Organizations with BIG_SYSTEMS systems each, beside the others.
BIG, BIG_SYSTEMS = 50, 200
ON_CPU = "on a CPU"
Taken = tuple[float, float]
# How often each process does each thing.
TIMES = int(os.environ.get("TIMES", "1000"))
WARMING = 24
# Further than any id of the organizations that are copied; those of the big one begin after all copies.
STEP = 1000
SMALL = ("trial", "small", "larger", "two-products")


def main() -> None:
    """Make the database, measure, print."""
    url = urllib.parse.urlsplit(os.environ["DATABASE_URL"])
    name = url.path.strip("/")
    server = url._replace(path="/postgres").geturl()
    if not os.environ.get("REUSE"):
        _on_server(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"')
    try:
        _set_up()
        if not os.environ.get("REUSE"):
            make_organizations()
        describe()
        measure("partitions", seed=1)
        if os.environ.get("PLAIN"):
            make_plain()
            measure("plain tables", seed=2)
        check_some()
    finally:
        from django.db import connections

        connections.close_all()
        if not os.environ.get("KEEP"):
            _on_server(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _set_up() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "licensemgr.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    import django

    django.setup()


def _on_server(url: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def say(*words: object) -> None:
    """Print at once, with the seconds since the beginning."""
    print(f"{time.monotonic() - _BEGUN:7.0f} s ", *words, flush=True)


_BEGUN = time.monotonic()


# --- the organizations ----------------------------------------------------------------------------------------------


def make_organizations() -> None:
    """The database with all its organizations."""
    from django.core.management import call_command

    from licensemgr.core import clock

    call_command("migrate", verbosity=0)
    today = clock.now().date()
    small = [_small(kind, today) for kind in SMALL]
    hands = os.cpu_count() or 1
    share = -(-ORGANIZATIONS // hands)
    shares = [(first, min(first + share - 1, ORGANIZATIONS)) for first in range(1, ORGANIZATIONS + 1, share)]
    with ThreadPoolExecutor(hands) as pool:
        list(pool.map(lambda each: _copy(small, each), shares))
    make_big(today)


def make_big(today: date) -> None:
    """Some organizations with many systems, beyond all that there is; then the database looks at what it has."""
    from django.db import connection

    from tests.bench.copying import Copies, copy_all, count_on

    with connection.cursor() as cursor:
        count_on(cursor)
        big = _big(today)
        # Each a good way after the one before.
        cursor.execute("SELECT max(last_value) FROM pg_sequences")
        for table, rows in copy_all(cursor, Copies([big], 1, BIG, int(cursor.fetchone()[0]))):
            say(f"{table}: {rows:,} rows of big organizations")
        count_on(cursor)
        say("VACUUM ANALYZE")
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")


def _copy(small: list[int], share: tuple[int, int]) -> None:
    """A share of the copies, on a connection of its own."""
    from django.db import connection

    from tests.bench.copying import Copies, copy_all

    try:
        with connection.cursor() as cursor:
            for table, rows in copy_all(cursor, Copies(small, *share, STEP)):
                say(f"{table}: {rows:,} rows")
    finally:
        connection.close()


def _made(kind: str, on: date) -> Any:
    from tests.factories import Books, OrganizationFactory, UserFactory

    person = UserFactory.create(email=f"{kind}@example.com")
    return Books(OrganizationFactory.create(name=f"Of kind {kind}", administrator=person, on=on))


def _small(kind: str, today: date) -> int:
    """An organization as most are, made through the services; returns its id."""
    from licensemgr.core import clock

    begun = today - timedelta(days={"trial": 10, "small": 400, "larger": 100, "two-products": 300}[kind])
    books = _made(kind, begun)
    with clock.jumps_allowed():
        books.report(begun, core=3)
        if kind == "trial":
            return int(books.organization.pk)
        books.redeem(begun, core=60, universal=60)
        books.start(begun)
        books.report(begun, core=5, universal=1)
        books.allocate(begun, {"core": 5, "universal": 1}, {"core": 5, "universal": 1})
        books.report(begun + timedelta(days=40), core=6, universal=1)
        if kind == "larger":
            for number in range(4):
                books.report(begun + timedelta(days=50 + number), system=f"Site {number}", core=number + 1)
        if kind == "two-products":
            books.report(begun + timedelta(days=60), product="audio-manager", system="Audio", audio=4)
        books.settle(today)
    return int(books.organization.pk)


def _big(today: date) -> int:
    from licensemgr.core import clock

    begun = today - timedelta(days=200)
    books = _made("big", begun)
    with clock.jumps_allowed():
        for number in range(BIG_SYSTEMS):
            books.report(begun + timedelta(days=number // 2), system=f"Site {number:03}", core=number % 20 + 1)
        books.redeem(today, core=50_000)
        books.start(today)
        books.settle(today)
    return int(books.organization.pk)


# --- measuring ------------------------------------------------------------------------------------------------------


def describe() -> None:
    """What there is: rows and sizes."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database())), version()")
        say(*cursor.fetchone())
        cursor.execute(
            "SELECT coalesce(parent.relname, own.relname), sum(own.reltuples)::bigint, count(*),"
            " pg_size_pretty(sum(pg_total_relation_size(own.oid))) FROM pg_class own"
            " LEFT JOIN pg_inherits ON inhrelid = own.oid LEFT JOIN pg_class parent ON parent.oid = inhparent"
            " WHERE own.relkind = 'r' AND own.reltuples > 0 AND own.relnamespace = 'public'::regnamespace"
            " GROUP BY 1 ORDER BY sum(pg_total_relation_size(own.oid)) DESC LIMIT 14"
        )
        for table, rows, parts, size in cursor.fetchall():
            say(f"{table:32} {rows:12,} rows, {size}{f', {parts} partitions' if parts > 1 else ''}")


def make_plain() -> None:
    """The same rows in tables without partitions."""
    from django.db import connection

    from licensemgr.core.partitions import PARTITIONED, make_anew

    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    for table in PARTITIONED:
        with connection.schema_editor() as editor:
            make_anew(editor, table, 0)
        say(f"{table} is plain")
    from licensemgr.core.tenancy.applying import apply

    apply(connection)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")


def measure(what: str, *, seed: int) -> None:
    """So many of each at once, in as many processes as there are cores; prints p50 and p95 of each."""
    say(f"{what}: load average before {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    begun = time.monotonic()
    command = [sys.executable, "-m", "tests.bench.scale", "load"]
    running = [
        subprocess.Popen([*command, str(seed * 100 + number)], stdout=subprocess.PIPE, text=True)
        for number in range(os.cpu_count() or 1)
    ]
    taken: dict[str, list[float]] = {}
    for process in running:
        out, _nothing = process.communicate()
        if process.returncode:
            raise SystemExit(f"A process of the load failed: {out}")
        for name, times in json.loads(out.splitlines()[-1]).items():
            taken.setdefault(name, []).extend(times)
    for name, times in taken.items():
        cuts = statistics.quantiles(times, n=100)
        say(
            f"{what}: {name:36} {len(times):6} times, p50 {cuts[49] * 1000:6.1f} ms, p95 {cuts[94] * 1000:6.1f} ms,"
            f" max {max(times) * 1000:6.0f} ms"
        )
    total = sum(map(len, taken.values()))
    say(f"{what}: {total / (time.monotonic() - begun):.0f} a second; load average after {os.getloadavg()[0]:.1f}")


def load(seed: int) -> None:
    """One process of the load; prints how long each took, as JSON."""
    _set_up()
    from licensemgr.core import clock

    drawn = random.Random(seed)
    doing: dict[str, Callable[[random.Random], Taken]] = {
        "Product list": _product_list,
        f"Product list, {BIG_SYSTEMS} systems": _big_product_list,
        "allocate": _allocate,
        "settle": _settle,
    }
    order = [name for name in doing for _time in range(TIMES)]
    drawn.shuffle(order)
    taken: dict[str, list[float]] = {name: [] for name in doing}
    with clock.jumps_allowed():
        for name in [*doing] * (WARMING // len(doing)):
            doing[name](drawn)
        for name in order:
            seconds, busy = doing[name](drawn)
            taken[name].append(seconds)
            taken.setdefault(f"{name}, {ON_CPU}", []).append(busy)
    print(json.dumps(taken))


@contextmanager
def _organization(drawn: random.Random, *, subscribed: bool) -> Iterator[Any]:
    """An organization of the many, drawn at random; not one that only tries."""
    from licensemgr.core.tenancy import acting_for
    from organizations.models import Organization

    number = drawn.randint(1, ORGANIZATIONS)
    if subscribed and number % len(SMALL) == 0:
        number += 1 if number < ORGANIZATIONS else -1
    kind = SMALL[number % len(SMALL)]
    organization = Organization.objects.get(slug=f"of-kind-{kind}-{number}")
    with acting_for(organization.pk):
        yield organization


def _timed(work: Callable[[], object]) -> Taken:
    """How long it took by the clock, and for how long of that this process and its server's were on a CPU (Linux)."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")

    def busy() -> float:
        # Nanoseconds. A server on another machine is not counted.
        there = int(server.read_text(encoding="ascii").split()[0]) / 1e9 if server.exists() else 0.0
        return time.process_time() + there

    begun, busy_before = time.perf_counter(), busy()
    work()
    return time.perf_counter() - begun, busy() - busy_before


def _product_list(drawn: random.Random) -> Taken:
    with _organization(drawn, subscribed=False) as organization:
        member = organization.memberships.select_related("user").get().user
    return _get(member, organization.slug)


def _big_product_list(drawn: random.Random) -> Taken:
    from organizations.models import Organization

    found = Organization.objects.get(slug=f"of-kind-big-{drawn.randint(1, BIG)}")
    return _get(found.memberships.select_related("user").get().user, found.slug)


def _get(member: Any, slug: str) -> Taken:
    """The page, by a browser that is signed in; its session was there before."""
    from django.conf import settings
    from django.test import Client
    from django.urls import reverse

    from licensemgr.core.tenancy import Part, acting

    client = Client()
    client.force_login(member, backend=settings.AUTHENTICATION_BACKENDS[0])
    url = reverse("product_list", args=[slug])

    def get() -> None:
        with acting(Part.WEB):
            answer = client.get(url)
        assert answer.status_code == 200 and slug in answer.content.decode(), answer

    return _timed(get)


def _allocate(drawn: random.Random) -> Taken:
    """What the next year that misses something misses, from the wallet."""
    import uuid

    from licensemgr.core import clock
    from products.models import RegisteredProduct
    from subscriptions.queries import product_standing
    from subscriptions.services import allocate_licenses

    with _organization(drawn, subscribed=True) as organization:
        products = RegisteredProduct.objects.select_related("organization", "product")
        product = products.get(organization=organization, product__code="camera-station")
        on = clock.today(organization)
        year = next(year for year in product_standing(product, on).years if year.missing_total)
        plan = {year.offset: {code: quantity for code, quantity in year.missing.items() if quantity}}
        return _timed(
            lambda: allocate_licenses(
                registered_product=product, plan=plan, nonce=uuid.uuid4(), actor=None, on=on, facts=None
            )
        )


def _settle(drawn: random.Random) -> Taken:
    """The next date on which something becomes true by itself is written down."""
    from organizations.books import settle

    with _organization(drawn, subscribed=True) as organization:
        on = organization.next_due_on
        return _timed(lambda: settle(organization, on))


def check_some() -> None:
    """What was copied and changed agrees with its entries, in some organizations."""
    from licensemgr.portal.verifying import verify_books

    drawn = random.Random(0)
    for _time in range(20):
        with _organization(drawn, subscribed=False) as organization:
            found = verify_books(organization)
            assert not found.differences, found.differences
    say("20 organizations' books agree with their entries")


if __name__ == "__main__":
    if sys.argv[1:2] == ["load"]:
        load(int(sys.argv[2]))
    else:
        main()
