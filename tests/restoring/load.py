"""People, systems and the daily job at work without pause: a process of the load, started by `tests.restoring.loading`.

    python -m tests.restoring.load JOURNAL SEED [PK=CODE …]    # until its standard input ends; PK without a code: settled

Each change that was answered is a line of the journal. Where the database goes away in between, the same change is asked for again
until there is an answer, as a browser or a system does; so it may have taken effect before.
"""

import base64
import contextlib
import json
import os
import random
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "licensemgr.settings")
django.setup()

from django.db import InterfaceError, OperationalError, connection, transaction

from hardware.calling import report_online
from licensemgr.core import clock
from licensemgr.core.errors import Refused
from licensemgr.core.tenancy import Part, acting, acting_for
from licensemgr.portal.simulating import SimulatedSystem
from organizations.books import settle
from organizations.errors import DateGoesBack
from organizations.models import Organization
from products.models import LicenseKind, Product, RegisteredProduct
from subscriptions.models import Allocation, Subscription
from subscriptions.queries import product_standing
from subscriptions.services import allocate_licenses, start_subscription
from wallet.errors import KeysGivenBefore
from wallet.services import issue_license_keys, redeem_license_key

CODE = "core-device"
# Licenses of one key, and keys of one batch.
LICENSES, KEYS = 100, 20
# How long a change waits before it is asked for again, in seconds.
PAUSE = 0.1
Names = list[tuple[str, str]]


class Journal:
    """One file of this process, and how its changes are asked for."""

    def __init__(self, path: Path) -> None:
        self.stopping = threading.Event()
        self.failures: list[str] = []
        self._file = path.open("a", buffering=1)
        self._lock = threading.Lock()

    def perform(self, change: Callable[[], Names]) -> None:
        """Ask for a change until it is answered, and write down what it says that it did."""
        begun = clock.real_now()
        while True:
            try:
                names = change()
                break
            except DateGoesBack:
                # Another day began in between.
                continue
            except (OperationalError, InterfaceError) as error:
                print(f"Asked again: {error}", file=sys.stderr, flush=True)
                connection.close()
                # An answer is never given up, and a database that stays away is noticed by whoever waits for the load's end.
                time.sleep(PAUSE)
        acknowledged = clock.real_now()
        with self._lock:
            for what, name in names:
                self._file.write(json.dumps([what, name, begun.isoformat(), acknowledged.isoformat()]) + "\n")

    def run(self, step: Callable[[], None]) -> None:
        """Do a step again and again until the load ends. What it raises ends the load."""
        try:
            while not self.stopping.is_set():
                step()
        except Exception:
            self.failures.append(traceback.format_exc())
            self.stopping.set()
        finally:
            connection.close()


class Organizations:
    """The daily job: brings organizations forward, some days at a time."""

    def __init__(self, journal: Journal, rng: random.Random, numbers: list[int]) -> None:
        self._journal, self._rng, self._numbers = journal, rng, numbers

    def step(self) -> None:
        """Settle one of them."""
        number, days = self._rng.choice(self._numbers), timedelta(days=self._rng.randint(1, 14))
        self._journal.perform(lambda: self._settle(number, days))
        self._journal.stopping.wait(PAUSE / 2)

    def _settle(self, number: int, days: timedelta) -> Names:
        with acting_for(number):
            organization = Organization.objects.get(pk=number)
            day = clock.today(organization) + days
            settle(organization, day)
        return [("settle", f"{number}/{day}")]


class Customer:
    """An organization with one system that reports, and a person who redeems and allocates what it needs."""

    def __init__(self, journal: Journal, rng: random.Random, number: int, code: str) -> None:
        self._journal, self._rng, self._number, self._code = journal, rng, number, code
        self._system = SimulatedSystem(f"System {uuid.uuid4()}", "camera-station")
        self._devices, self._keys = 1, list[str]()

    def step(self) -> None:
        """Report, and act on what is missing then; or redeem for later."""
        if not self._system.sequence or self._rng.random() < 0.5:
            self._report()
        elif self._rng.random() < 0.7:
            self._allocate()
        else:
            self._redeem()

    def _report(self) -> None:
        """The system's next report, under which the portal gives it a license file."""
        self._devices += self._rng.randint(0, 2)
        document = self._system.system_file(at=clock.real_now(), counts={CODE: self._devices})
        name = f"{self._system.system_id}/{self._system.sequence}"

        def report() -> Names:
            answer = report_online(document=document, code=self._code, address="127.0.0.1")
            if answer.license_file is None:
                return [("report", name)]
            payload = json.loads(answer.license_file)["payload"]
            given = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            return [("report", name), ("license file", given["file_id"])]

        self._journal.perform(report)

    def _registered(self) -> RegisteredProduct:
        return RegisteredProduct.objects.select_related("organization", "product").get(organization=self._number)

    def _issue(self) -> None:
        """The vendor's part: a batch of license keys. An answer that was lost had the keys."""
        token = uuid.uuid4()

        def issue() -> Names:
            keys: list[str] = []
            with acting(Part.REGISTRY), transaction.atomic(), contextlib.suppress(KeysGivenBefore):
                keys = issue_license_keys(
                    product=Product.objects.get(code="camera-station"),
                    kind=LicenseKind.SUBSCRIPTION,
                    licenses={CODE: LICENSES},
                    count=KEYS,
                    actor=None,
                    form_token=token,
                )
            self._keys += keys
            return [("issue", str(token))]

        self._journal.perform(issue)

    def _redeem(self) -> None:
        while not self._keys:
            self._issue()
        key, token = self._keys.pop(), uuid.uuid4()

        def redeem() -> Names:
            with acting_for(self._number):
                registered = self._registered()
                redeem_license_key(
                    registered_product=registered,
                    license_key=key,
                    actor=None,
                    on=clock.today(registered.organization),
                    form_token=token,
                )
            return [("redeem", str(token))]

        self._journal.perform(redeem)

    def _allocate(self) -> None:
        """Whatever any year misses, once the wallet has it; at first the subscription is started."""
        nonce = uuid.uuid4()
        short = 0

        def allocate() -> Names:
            nonlocal short
            with acting_for(self._number):
                registered = self._registered()
                on = clock.today(registered.organization)
                try:
                    if not Subscription.objects.filter(registered_product=registered).exists():
                        start_subscription(registered_product=registered, actor=None, on=on)
                    standing = product_standing(registered, on)
                    plan = {year.offset: dict(year.missing) for year in standing.years if year.missing_total}
                    short = sum(year.missing[CODE] for year in standing.years) - standing.wallet["subscription"][CODE]
                    if plan and short <= 0:
                        allocate_licenses(registered_product=registered, plan=plan, nonce=nonce, actor=None, on=on)
                except Refused:
                    # Another day began in between: what is allocated is asked for with another plan then.
                    pass
                is_done = Allocation.objects.filter(organization=self._number, nonce=nonce).exists()
            return [("allocate", str(nonce))] if is_done else []

        self._journal.perform(allocate)
        while short > 0:
            self._redeem()
            short -= LICENSES


def run(journal: Journal, rng: random.Random, whom: list[str]) -> None:
    """Until standard input ends. Raises SystemExit where something went wrong that is no lost connection."""
    pairs = [each.partition("=") for each in whom]
    steps = [
        Customer(journal, random.Random(rng.random()), int(number), code).step for number, _is, code in pairs if code
    ]
    if settled := [int(number) for number, _is, code in pairs if not code]:
        steps.append(Organizations(journal, random.Random(rng.random()), settled).step)
    threads = [threading.Thread(target=journal.run, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    journal.stopping.set()
    for thread in threads:
        thread.join()
    if journal.failures:
        raise SystemExit("\n".join(journal.failures))


if __name__ == "__main__":
    run(Journal(Path(sys.argv[1])), random.Random(sys.argv[2]), sys.argv[3:])
