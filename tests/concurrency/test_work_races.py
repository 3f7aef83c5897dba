"""Several workers at one order, one that is killed in the middle of it, and one order placed many times at once."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import date, timedelta
from functools import partial
from typing import IO, Any

import pytest
from django.conf import settings

from licensemgr.core import clock
from organizations import work, working
from organizations.models import Organization, User
from organizations.work import Progress, fetch_result, order_work
from organizations.work_models import WorkOrder, WorkPiece, WorkState
from organizations.working import do_work
from tests.concurrency import killed_work
from tests.concurrency.racing import at_once
from tests.hardware.unit_data import database_url

pytestmark = pytest.mark.django_db(transaction=True)


class Makers:
    """Counts who makes what. ``meeting`` holds each until so many are at it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, meeting: int = 0) -> None:
        self.made: Counter[int] = Counter()
        self._count = threading.Lock()
        self._meeting = threading.Barrier(meeting) if meeting else None
        monkeypatch.setattr(killed_work, "make", self._make)
        monkeypatch.setattr(work, "_kinds", killed_work.kinds)

    def _make(self, order: WorkOrder, write: IO[bytes], progress: Progress) -> None:
        with self._count:
            self.made[order.pk] += 1
        if self._meeting is not None:
            self._meeting.wait(timeout=15)
        write.write(str(order.pk).encode())


def ask(organization: Organization, person: User, on: date, number: int = 0) -> WorkOrder:
    return order_work(organization=organization, person=person, kind="lines", arguments={"number": number}, on=on)


def result(order: WorkOrder, on: date) -> bytes:
    return b"".join(fetch_result(WorkOrder.objects.get(pk=order.pk), on))


def test_without_the_claim_two_workers_make_one_order_and_with_it_one_result_is_kept(
    organization: Organization, administrator: User, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    makers = Makers(monkeypatch, meeting=2)
    order = ask(organization, administrator, today)
    # A claim that is over before it begins; whoever claimed last is the one whose result counts.
    monkeypatch.setattr(working, "CLAIMED_FOR", timedelta(minutes=-1))
    # Both claim before either is done: none of them looks for more.
    results = at_once([partial(_make_one, order.pk)] * 2)
    assert makers.made == {order.pk: 2}
    assert sorted(results) == [False, True]
    assert WorkPiece.objects.count() == 1
    assert result(order, today) == str(order.pk).encode()


def _make_one(pk: int) -> bool:
    order = working.claim_next()
    assert order is not None
    return working.work_on(order)


def test_each_order_is_made_by_one_of_four_workers(
    organization: Organization, administrator: User, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "AT_ONCE", 4)
    makers = Makers(monkeypatch)
    orders = [ask(organization, administrator, today, number) for number in range(10)]
    results = at_once([do_work] * 4)
    assert sum(results) == 10, results
    assert makers.made == {order.pk: 1 for order in orders}
    assert WorkOrder.objects.filter(state=WorkState.DONE, attempts=1, claim=None).count() == 10


def test_one_order_placed_eight_times_at_once_is_one(
    organization: Organization, administrator: User, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_kinds", killed_work.kinds)
    monkeypatch.setattr(work, "start_working", lambda: None)
    placed = at_once([partial(ask, organization, administrator, today)] * 8)
    assert [str(each) for each in placed] == [f"lines {WorkOrder.objects.get().pk}"] * 8


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_is_gone_on_for_and_the_bytes_are_the_same(
    organization: Organization, administrator: User, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_kinds", killed_work.kinds)
    order = ask(organization, administrator, today)
    told = []
    for killed_after in (20_000, 40_000):
        _kill_after(killed_after)
        order.refresh_from_db()
        assert order.state == WorkState.RUNNING
        assert WorkPiece.objects.filter(order=order).exists()
        told.append(order.done)
        # Nobody takes it before the claim is over.
        assert working.claim_next() is None
        WorkOrder.objects.update(claimed_until=clock.real_now())
    assert do_work() == 1
    order.refresh_from_db()
    told.append(order.done)
    assert told == sorted(told)
    assert (told[-1], order.total, order.attempts) == (killed_work.LINES, killed_work.LINES, 3)
    assert 20_000 <= told[0] < killed_work.LINES
    assert result(order, today) == b"".join(killed_work.lines())


def _kill_after(lines: int) -> None:
    """Start a worker and kill it as soon as it says that it is so far."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.concurrency.killed_work"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database_url()},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= lines:
                break
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def test_what_is_removed_while_it_is_made_leaves_nothing_behind(
    organization: Organization, administrator: User, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(order: WorkOrder, write: IO[bytes], progress: Any) -> None:
        write.write(b"x" * work.PIECE_BYTES)
        work.remove_work(order)
        write.write(b"x" * work.PIECE_BYTES)

    monkeypatch.setattr(killed_work, "make", make)
    monkeypatch.setattr(work, "_kinds", killed_work.kinds)
    ask(organization, administrator, today)
    assert do_work() == 0
    assert not WorkOrder.objects.exists()
    assert not WorkPiece.objects.exists()
