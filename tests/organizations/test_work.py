"""Work that takes long: asked for once, made by one worker at a time, gone on with, fetched by whoever may (R30, R31)."""

import io
import logging
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import IO, Any

import pytest
from django.db import DatabaseError
from django.http import Http404
from django.utils import translation

from licensemgr.core import clock, mail
from licensemgr.core.errors import Refused
from licensemgr.core.models import OutboxMessage
from licensemgr.portal.tasks import do_work as task
from licensemgr.portal.tasks import forget_expired
from licensemgr.portal.work import KINDS
from organizations import work, working
from organizations.access import Permission
from organizations.errors import TooMuchWork, WorkGone, WorkNotReady
from organizations.models import Membership, Organization, Role, User
from organizations.services import change_role, remove_member
from organizations.work import (
    Kind,
    Progress,
    count_work,
    counted_with,
    counts_of,
    fetch_result,
    order_again,
    order_work,
    remove_work,
)
from organizations.work_models import WorkOrder, WorkPiece, WorkState
from organizations.working import claim_next, do_work

pytestmark = pytest.mark.django_db
Make = Callable[[WorkOrder, IO[bytes], Progress], Mapping[str, Any] | None]


@pytest.fixture
def makes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Make], None]:
    """Let work of the kind ``made`` be done so."""

    def use(make: Make) -> None:
        kind = Kind(
            permission=Permission.MANAGE_SYSTEMS,
            title=lambda order: "Made up",
            make=make,
            file_name=lambda order: "made-up.txt",
            content_type="text/plain",
            words=lambda done, total: f"{done} of {total}",
        )
        monkeypatch.setattr(work, "_kinds", lambda: {**KINDS, "made": kind})

    use(writes_hello)
    return use


def writes_hello(order: WorkOrder, write: IO[bytes], progress: Progress) -> None:
    write.write(b"hello")


def ask(organization: Organization, person: User, on: date, **arguments: Any) -> WorkOrder:
    return order_work(organization=organization, person=person, kind="made", arguments=arguments, on=on)


def result(order: WorkOrder, on: date) -> bytes:
    return b"".join(fetch_result(WorkOrder.objects.get(pk=order.pk), on))


@pytest.fixture
def asked(makes: Any, organization: Organization, manager: User, today: date) -> WorkOrder:
    """Work that a manager asked for."""
    return ask(organization, manager, today)


def let_the_claim_end(order: WorkOrder) -> None:
    """The worker that had it in hand was killed a minute ago."""
    WorkOrder.objects.filter(pk=order.pk).update(claimed_until=clock.real_now() - timedelta(seconds=1))


def later(monkeypatch: pytest.MonkeyPatch, passed: timedelta) -> None:
    now = clock.real_now() + passed
    monkeypatch.setattr(clock, "real_now", lambda: now)


class TestAsking:
    def test_the_same_under_way_is_given_back_and_another_or_a_later_one_is_not(
        self, asked: WorkOrder, organization: Organization, manager: User, administrator: User, today: date
    ) -> None:
        assert ask(organization, manager, today) == asked
        assert ask(organization, administrator, today) != asked
        assert ask(organization, manager, today, other=1) != asked
        do_work()
        assert ask(organization, manager, today) != asked

    def test_nobody_has_more_than_ten_under_way(
        self, makes: Any, organization: Organization, manager: User, administrator: User, today: date
    ) -> None:
        for number in range(10):
            ask(organization, manager, today, number=number)
        with pytest.raises(TooMuchWork):
            ask(organization, manager, today, number=10)
        ask(organization, manager, today, number=3)
        ask(organization, administrator, today, number=10)
        assert WorkOrder.objects.count() == 11

    def test_an_unknown_kind_is_no_order(self, organization: Organization, manager: User, today: date) -> None:
        with pytest.raises(KeyError):
            order_work(organization=organization, person=manager, kind="no-such", arguments={}, on=today)
        assert not WorkOrder.objects.exists()

    def test_a_worker_is_told_after_the_commit_and_a_queue_away_is_no_failure(
        self,
        makes: Any,
        organization: Organization,
        manager: User,
        today: date,
        django_capture_on_commit_callbacks: Any,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        from licensemgr.celery import app

        sent: list[str] = []
        monkeypatch.setattr(app, "send_task", lambda name, **options: sent.append(name))
        with django_capture_on_commit_callbacks(execute=True):
            ask(organization, manager, today)
            assert sent == []
        assert sent == ["portal.do_work"]

        def away(name: str, **options: Any) -> None:
            raise OSError("no queue")

        monkeypatch.setattr(app, "send_task", away)
        with django_capture_on_commit_callbacks(execute=True):
            ask(organization, manager, today, other=1)
        assert "waits up to a minute" in caplog.text


class TestMaking:
    def test_the_result_is_kept_in_pieces_and_comes_back_as_it_was_written(
        self, makes: Any, organization: Organization, manager: User, today: date
    ) -> None:
        written = bytes(range(256)) * (10 * 1024) + b"the end"

        def make(order: WorkOrder, write: IO[bytes], progress: Progress) -> dict[str, int]:
            for start in range(0, len(written), 70_001):
                write.write(written[start : start + 70_001])
            return {"seven": 7}

        makes(make)
        order = ask(organization, manager, today)
        assert do_work() == 1
        order.refresh_from_db()
        assert (order.state, order.size, order.facts, order.claim) == (WorkState.DONE, len(written), {"seven": 7}, None)
        lengths = list(order.pieces.order_by("number").values_list("number", flat=True))
        assert lengths == [0, 1, 2]
        assert result(order, today) == written

    def test_a_zip_can_be_written(self, makes: Any, organization: Organization, manager: User, today: date) -> None:
        def make(order: WorkOrder, write: IO[bytes], progress: Progress) -> None:
            with zipfile.ZipFile(write, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("a.txt", "alpha")

        makes(make)
        order = ask(organization, manager, today)
        do_work()
        assert zipfile.ZipFile(io.BytesIO(result(order, today))).read("a.txt") == b"alpha"

    def test_ten_deliveries_of_the_task_make_it_once(
        self, makes: Any, organization: Organization, manager: User, today: date
    ) -> None:
        made: list[int] = []

        def make(order: WorkOrder, write: IO[bytes], progress: Progress) -> None:
            made.append(order.pk)
            # The task that is delivered meanwhile finds nothing to do.
            task()
            write.write(b"once")

        makes(make)
        order = ask(organization, manager, today)
        for _delivery in range(10):
            task()
        assert made == [order.pk]
        assert result(order, today) == b"once"

    def test_progress_never_goes_back_and_ends_at_the_total(
        self, makes: Any, organization: Organization, manager: User, today: date, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(working, "TOLD_EVERY", 0)
        seen: list[tuple[int, int]] = []

        def make(order: WorkOrder, write: IO[bytes], progress: Progress) -> None:
            for done in (0, 30, 20, 60):
                progress(done, 100)
                seen.append(WorkOrder.objects.values_list("done", "total").get(pk=order.pk))
            if order.attempts == 1:
                raise RuntimeError("not yet")

        makes(make)
        order = ask(organization, manager, today)
        do_work()
        later(monkeypatch, timedelta(minutes=2))
        do_work()
        assert [done for done, _total in seen] == [0, 30, 30, 60, 60, 60, 60, 60]
        order.refresh_from_db()
        assert (order.state, order.done, order.total, order.percent) == (WorkState.DONE, 100, 100, 100)

    def test_how_far_it_is_is_not_written_down_for_every_row(
        self,
        makes: Any,
        organization: Organization,
        manager: User,
        today: date,
        django_assert_max_num_queries: Any,
    ) -> None:
        def make(order: WorkOrder, write: IO[bytes], progress: Progress) -> None:
            for done in range(2001):
                progress(done, 2000)

        makes(make)
        ask(organization, manager, today)
        with django_assert_max_num_queries(60):
            do_work()

    def test_it_is_made_in_the_language_in_which_it_was_asked_for_and_as_of_the_day_of_making(
        self, makes: Any, organization: Organization, manager: User, today: date, frozen_clock: Any
    ) -> None:
        found: list[tuple[str | None, date]] = []
        makes(lambda order, write, progress: found.append((translation.get_language(), order.on)))
        with translation.override("de"):
            ask(organization, manager, today)
        frozen_clock.move_to(today + timedelta(days=1))
        do_work()
        assert found == [("de", today + timedelta(days=1))]

    def test_no_more_than_two_are_in_hand_at_once(
        self, makes: Any, organization: Organization, manager: User, today: date
    ) -> None:
        for number in range(3):
            ask(organization, manager, today, number=number)
        first, second = claim_next(), claim_next()
        assert first is not None
        assert second is not None
        assert first != second
        assert claim_next() is None
        remove_work(first)
        assert claim_next() is not None


class TestKilledWorkers:
    def test_another_goes_on_when_the_claim_is_over_and_no_sooner(self, asked: WorkOrder, today: date) -> None:
        killed = claim_next()
        assert killed is not None
        working.Result(killed).write(b"x" * (work.PIECE_BYTES + 1))
        assert claim_next() is None
        let_the_claim_end(asked)
        assert do_work() == 1
        assert result(asked, today) == b"hello"
        assert WorkPiece.objects.count() == 1

    def test_one_that_comes_back_to_life_writes_nothing(self, asked: WorkOrder, today: date) -> None:
        slow = claim_next()
        assert slow is not None
        kept = working.Result(slow)
        let_the_claim_end(asked)
        assert claim_next() is not None
        for write in (
            lambda: kept.write(b"x" * work.PIECE_BYTES),
            lambda: working._Told(slow)(1, 2),
            lambda: working._finish(slow, work.kind_of("made"), 1, {}),
        ):
            with pytest.raises(working.ClaimLost):
                write()
        assert working._end_badly(slow, "No.", is_final=True) is False
        asked.refresh_from_db()
        assert (asked.state, asked.done, asked.sentence) == (WorkState.RUNNING, 0, "")
        assert not WorkPiece.objects.exists()

    def test_after_three_that_ended_without_a_word_it_has_failed(self, asked: WorkOrder) -> None:
        for _attempt in range(3):
            assert claim_next() is not None
            let_the_claim_end(asked)
        assert claim_next() is None
        asked.refresh_from_db()
        assert asked.state == WorkState.FAILED
        assert "three times" in asked.sentence

    def test_the_claim_is_renewed_while_nothing_is_written(
        self, makes: Any, organization: Organization, manager: User, today: date, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The renewing itself needs a connection of its own: here only that it waits, and ends with the work."""
        import threading

        found: list[list[str]] = []

        def names() -> list[str]:
            return [thread.name for thread in threading.enumerate() if thread.name.startswith("work-")]

        makes(lambda order, write, progress: found.append(names()))
        order = ask(organization, manager, today)
        do_work()
        assert found == [[f"work-{order.pk}"]]
        assert names() == []


class TestFailing:
    def raises(self, error: Exception) -> Make:
        def make(order: WorkOrder, write: IO[bytes], progress: Progress) -> None:
            write.write(b"half of it")
            raise error

        return make

    def run_to_the_end(self, order: WorkOrder) -> int:
        """Let the beat come by until nothing is due; returns how often it was tried."""
        for _minute in range(5):
            do_work()
            WorkOrder.objects.filter(pk=order.pk, state=WorkState.QUEUED).update(claimed_until=None)
        order.refresh_from_db()
        return order.attempts

    @pytest.mark.parametrize(
        ("error", "sentence"),
        [
            (RuntimeError("a secret of the machine"), "failed at this file"),
            (OSError(28, "No space left on device"), "no room to keep it"),
            (DatabaseError("disk is full"), "no room to keep it"),
        ],
    )
    def test_a_fault_is_tried_three_times_and_told_in_a_sentence(
        self,
        error: Exception,
        sentence: str,
        makes: Any,
        organization: Organization,
        manager: User,
        today: date,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        makes(self.raises(error))
        order = ask(organization, manager, today)
        with caplog.at_level(logging.ERROR):
            assert self.run_to_the_end(order) == 3
        assert order.state == WorkState.FAILED
        assert sentence in order.sentence
        assert "Nothing was changed" in order.sentence
        assert "secret" not in order.sentence
        assert len(caplog.records) == 3
        assert not WorkPiece.objects.exists()

    def test_a_piece_that_the_database_does_not_take_is_told_of(
        self, makes: Any, organization: Organization, manager: User, today: date, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(**values: Any) -> None:
            raise DatabaseError("disk is full")

        monkeypatch.setattr(WorkPiece.objects, "create", full)
        order = ask(organization, manager, today)
        assert self.run_to_the_end(order) == 3
        assert "no room to keep it" in order.sentence

    def test_after_a_fault_it_waits_a_minute(
        self, makes: Any, organization: Organization, manager: User, today: date
    ) -> None:
        makes(self.raises(RuntimeError()))
        order = ask(organization, manager, today)
        do_work()
        do_work()
        order.refresh_from_db()
        assert (order.state, order.attempts) == (WorkState.QUEUED, 1)

    def test_a_refusal_is_final_and_its_sentence_is_shown(
        self, makes: Any, organization: Organization, manager: User, today: date
    ) -> None:
        makes(self.raises(Refused("There is nothing to zip.")))
        order = ask(organization, manager, today)
        assert self.run_to_the_end(order) == 1
        assert (order.state, order.sentence) == (WorkState.FAILED, "There is nothing to zip.")

    def test_what_it_is_made_of_may_be_gone(
        self, makes: Any, organization: Organization, manager: User, today: date
    ) -> None:
        makes(self.raises(Http404()))
        order = ask(organization, manager, today)
        assert self.run_to_the_end(order) == 1
        assert "is not there any more" in order.sentence

    def test_a_kind_that_is_not_known_any_more_fails(self, asked: WorkOrder, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(work, "_kinds", lambda: KINDS)
        assert self.run_to_the_end(asked) == 3
        assert "failed at this file" in asked.sentence

    def test_it_is_begun_again_in_its_place(
        self, makes: Any, organization: Organization, manager: User, today: date
    ) -> None:
        makes(self.raises(Refused("No.")))
        order = ask(organization, manager, today, number=1)
        do_work()
        makes(writes_hello)
        anew = order_again(WorkOrder.objects.get(pk=order.pk), today)
        assert anew.arguments == {"number": 1}
        assert list(WorkOrder.objects.all()) == [anew]
        # One that is under way already stays.
        assert order_again(anew, today) == anew
        do_work()
        assert result(anew, today) == b"hello"


class TestWhoMay:
    def test_a_member_removed_before_it_is_made_gets_nothing(
        self, asked: WorkOrder, organization: Organization, manager: User, administrator: User, today: date
    ) -> None:
        remove_member(
            membership=Membership.objects.get(organization=organization, user=manager), actor=administrator, on=today
        )
        assert do_work() == 0
        asked.refresh_from_db()
        assert asked.state == WorkState.FAILED
        assert "You may not do this in the organization any more" in asked.sentence
        assert not WorkPiece.objects.exists()

    def test_a_role_that_may_no_more_gets_nothing(
        self, asked: WorkOrder, organization: Organization, manager: User, administrator: User, today: date
    ) -> None:
        membership = Membership.objects.get(organization=organization, user=manager)
        change_role(membership=membership, role=Role.VIEWER, actor=administrator, on=today)
        assert do_work() == 0
        asked.refresh_from_db()
        assert asked.state == WorkState.FAILED

    def test_nothing_is_made_in_a_closed_organization_or_for_a_closed_account(
        self, asked: WorkOrder, organization: Organization, manager: User, today: date
    ) -> None:
        Organization.objects.filter(pk=organization.pk).update(closed_on=today)
        assert do_work() == 0
        Organization.objects.filter(pk=organization.pk).update(closed_on=None)
        User.objects.filter(pk=manager.pk).update(is_active=False)
        WorkOrder.objects.update(state=WorkState.QUEUED)
        assert do_work() == 0


class TestMail:
    def waited(self, order: WorkOrder) -> None:
        WorkOrder.objects.filter(pk=order.pk).update(made_at=clock.real_now() - timedelta(seconds=90))
        assert do_work() == 1

    def test_whoever_waited_longer_than_a_minute_is_told_once(self, asked: WorkOrder, manager: User) -> None:
        self.waited(asked)
        message = OutboxMessage.objects.get(reason__startswith="work:")
        assert message.recipient == manager.email
        assert message.subject == "Ready to download: Made up – Harbour Cameras"
        assert "/o/harbour/work/" in message.body_text
        assert "/o/harbour/work/" in message.body_html

    def test_what_is_quick_is_not_mailed(self, asked: WorkOrder) -> None:
        assert do_work() == 1
        assert not OutboxMessage.objects.filter(reason__startswith="work:").exists()

    @pytest.mark.parametrize("by", ["fetching", "removing", "leaving"])
    def test_it_is_withdrawn_where_it_is_of_no_use(
        self, by: str, asked: WorkOrder, organization: Organization, manager: User, administrator: User, today: date
    ) -> None:
        self.waited(asked)
        if by == "fetching":
            result(asked, today)
        elif by == "removing":
            remove_work(asked)
        else:
            membership = Membership.objects.get(organization=organization, user=manager)
            remove_member(membership=membership, actor=administrator, on=today)
        message = OutboxMessage.objects.get(reason__startswith="work:")
        assert message.withdrawn_at is not None
        assert mail.send_outbox() == 0 or message.reason.startswith("work:")
        message.refresh_from_db()
        assert message.sent_at is None

    def test_somebody_elses_is_not_withdrawn(
        self, asked: WorkOrder, organization: Organization, administrator: User, today: date
    ) -> None:
        other = ask(organization, administrator, today)
        WorkOrder.objects.update(made_at=clock.real_now() - timedelta(seconds=90))
        assert do_work() == 2
        result(asked, today)
        assert [m.reason for m in OutboxMessage.objects.filter(withdrawn_at=None, reason__startswith="work:")] == [
            f"work:{other.pk}:{administrator.pk}"
        ]


class TestKeeping:
    def test_it_is_kept_for_a_day_and_then_forgotten(
        self, asked: WorkOrder, organization: Organization, today: date, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(WorkNotReady):
            fetch_result(asked, today)
        do_work()
        later(monkeypatch, timedelta(hours=23, minutes=59))
        forget_expired()
        assert result(asked, today) == b"hello"
        later(monkeypatch, timedelta(minutes=2))
        with pytest.raises(WorkGone):
            result(asked, today)
        # Somebody may have begun to fetch it just before.
        forget_expired()
        assert WorkPiece.objects.exists()
        later(monkeypatch, timedelta(hours=2))
        forget_expired()
        assert not WorkPiece.objects.exists()
        asked.refresh_from_db()
        assert asked.state == WorkState.EXPIRED
        with pytest.raises(WorkGone):
            result(asked, today)
        later(monkeypatch, timedelta(days=7))
        forget_expired()
        assert not WorkOrder.objects.exists()

    def test_what_is_under_way_is_not_forgotten(self, asked: WorkOrder, monkeypatch: pytest.MonkeyPatch) -> None:
        later(monkeypatch, timedelta(days=30))
        forget_expired()
        assert WorkOrder.objects.get().state == WorkState.QUEUED


def test_the_top_bars_numbers_are_the_same_by_themselves_and_with_a_membership(
    makes: Any, organization: Organization, manager: User, administrator: User, today: date
) -> None:
    def both() -> Iterator[work.WorkCounts]:
        yield count_work(organization, manager)
        rows = Membership.objects.filter(user=manager, organization=organization)
        yield counts_of(rows.annotate(**counted_with("organization", "user")).get())

    assert set(both()) == {work.WorkCounts(0, 0, 0, None)}
    ask(organization, administrator, today)
    done = [ask(organization, manager, today, number=number) for number in range(2)]
    do_work()
    makes(TestFailing().raises(Refused("No.")))
    failed = ask(organization, manager, today, number=7)
    do_work()
    ask(organization, manager, today, number=8)
    assert set(both()) == {work.WorkCounts(1, 2, 1, failed.pk)}
    remove_work(failed)
    result(done[1], today)
    assert set(both()) == {work.WorkCounts(1, 1, 0, done[0].pk)}
