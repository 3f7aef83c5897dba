"""Wrong tries of license keys are limited (R21): per person, per address, and an organization's limit only slows."""

import threading
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import RequestFactory

from licensemgr.core import clock, places
from wallet.errors import KeyOfAnotherProduct, KeyUnknown, TooManyTries
from wallet.limits import Trier, counting_wrong_tries

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _eight_tries(settings: object) -> None:
    settings.LICENSE_KEY_TRIES_PER_HOUR = 8  # type: ignore[attr-defined]
    cache.clear()


def fail(trier: Trier, times: int = 1) -> None:
    """Try unknown keys."""
    for _time in range(times):
        with pytest.raises(KeyUnknown), counting_wrong_tries(trier):
            raise KeyUnknown


def refused(trier: Trier) -> bool:
    """Whether the next try is refused; it costs nothing."""
    try:
        with counting_wrong_tries(trier):
            return False
    except TooManyTries:
        return True


def test_a_person_has_the_number_of_the_settings_and_then_waits_up_to_an_hour() -> None:
    ada = Trier(1, 1, "192.0.2.1")
    fail(ada, 8)
    with pytest.raises(TooManyTries) as told, counting_wrong_tries(ada):
        pytest.fail("the key was looked up")
    assert 59 <= told.value.minutes <= 60


def test_moving_to_another_organization_or_address_gives_a_person_no_more_tries() -> None:
    fail(Trier(1, 1, "192.0.2.1"), 4)
    fail(Trier(1, 2, "192.0.2.2"), 4)
    assert refused(Trier(1, 3, "192.0.2.3"))


def test_right_keys_and_refusals_of_known_keys_are_not_counted() -> None:
    ada = Trier(1, 1, "192.0.2.1")
    for _time in range(20):
        with counting_wrong_tries(ada):
            pass
        with pytest.raises(KeyOfAnotherProduct), counting_wrong_tries(ada):
            raise KeyOfAnotherProduct(product="Camera Station")
    fail(ada, 8)
    assert refused(ada)


def test_an_address_is_limited_for_all_who_share_it() -> None:
    for person in range(3):
        fail(Trier(person, 100 + person, "2001:db8::1"), 8)
    assert refused(Trier(9, 9, "2001:db8::2"))
    assert not refused(Trier(9, 9, "2001:db8:0:1::2"))


def test_the_organizations_limit_slows_the_others_and_locks_nobody_out() -> None:
    for person in range(3):
        fail(Trier(person, 1, f"192.0.2.{person}"), 8)
    other = Trier(7, 1, "192.0.2.7")
    fail(other, 2)
    assert refused(other)
    assert not refused(Trier(8, 1, "192.0.2.8"))
    assert not refused(Trier(7, 2, "192.0.2.7"))


def test_a_place_is_free_again_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    ada = Trier(1, 1, "192.0.2.1")
    fail(ada, 8)
    assert refused(ada)
    # The cache forgets by itself; here it is told to, and what is left to wait is worked out from the clock.
    later = clock.real_now() + timedelta(minutes=45)
    monkeypatch.setattr(clock, "real_now", lambda: later)
    with pytest.raises(TooManyTries) as told, counting_wrong_tries(ada):
        pass
    assert 14 <= told.value.minutes <= 15
    cache.delete("license-key-tries:person:1:0")
    assert not refused(ada)


def test_an_address_that_can_not_be_read_is_limited_like_one() -> None:
    assert places.counted_address("no address") == "unknown"
    assert places.counted_address("::ffff:192.0.2.1") == "192.0.2.1"
    assert places.counted_address("fe80::1%eth0") == "fe80::"


@pytest.mark.django_db(transaction=True)
def test_parallel_tries_do_not_exceed_the_limit() -> None:
    looked_up: list[int] = []
    barrier = threading.Barrier(16)

    def run(number: int) -> None:
        try:
            barrier.wait()
            for _time in range(2):
                try:
                    with counting_wrong_tries(Trier(1, 1, f"192.0.2.{number}")):
                        looked_up.append(number)
                        raise KeyUnknown
                except (KeyUnknown, TooManyTries):
                    pass
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looked_up) == 8


def test_a_request_without_an_address_is_limited_with_its_like(rf: RequestFactory) -> None:
    assert places.client_address(rf.get("/", REMOTE_ADDR="192.0.2.7")) == "192.0.2.7"
    assert places.counted_address(places.client_address(rf.get("/", REMOTE_ADDR=""))) == "unknown"
