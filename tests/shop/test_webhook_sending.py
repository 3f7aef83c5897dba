"""Deliveries: signed so that the shop can check them, tried until they are taken, by one worker at a time."""

import base64
import json
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.apps import apps
from pytest_django.fixtures import Settings

from licensemgr.celery import app
from licensemgr.core import clock
from licensemgr.portal.tasks import forget_expired
from licensemgr.shop import sending
from licensemgr.shop.addresses import Target
from licensemgr.shop.endpoints import EndpointIsOff, change_endpoint, renew_secret, secret_mark, turn_endpoint
from licensemgr.shop.events import write_test
from licensemgr.shop.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent
from licensemgr.shop.posting import Answer
from licensemgr.shop.sending import CLAIMED_FOR, ReplayRefused, replay, send_webhooks
from tests.shop.conftest import Making
from tests.shop.receiving import Authority, Names, receiver

pytestmark = pytest.mark.django_db
State = WebhookDelivery.State


class Post:
    """Takes the place of the network: notes what is sent, and answers what ``answers`` says for the host."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, dict[str, str]]] = []
        self.answers: dict[str, Callable[[], Answer]] = {}

    def __call__(self, target: Target, body: bytes, headers: dict[str, str], **options: Any) -> Answer:
        self.sent.append((target.host, body, headers))
        return self.answers.get(target.host, lambda: Answer(200, "", 5))()

    @property
    def hosts(self) -> list[str]:
        return [host for host, _body, _headers in self.sent]

    def answer(self, status: int | None, problem: str = "", host: str = "shop.test") -> None:
        """From now on."""
        self.answers[host] = lambda: Answer(status, problem, 5)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Post:
    """What is sent reaches no network."""
    post = Post()
    monkeypatch.setattr(sending, "post", post)
    return post


@pytest.fixture
def stands() -> Iterator[Any]:
    """The machine's clock stands until it is shifted."""
    with time_machine.travel(clock.real_now().replace(microsecond=0), tick=False) as traveller:
        yield traveller


def tries(delivery: WebhookDelivery) -> list[tuple[int | None, str]]:
    """How the tries of a delivery ended, in their order."""
    return list(delivery.log.order_by("pk").values_list("status", "problem"))


class TestTheMessage:
    def test_the_shop_checks_it_as_the_documentation_says(
        self, make: Making, authority: Authority, names: Names, settings: Settings
    ) -> None:
        """The whole way, by https, with the lines of Python that are printed in docs/webhooks.md."""
        settings.DEMONSTRATION = True
        names.lead("shop.test", ["127.0.0.1"])
        [code] = re.findall(
            r"```python\n(.*?)```", (settings.BASE_DIR / "docs" / "webhooks.md").read_text(encoding="utf-8"), re.DOTALL
        )
        printed: dict[str, Any] = {}
        exec(code, printed)  # noqa: S102 - of our own documentation
        with receiver(authority.context("shop.test")) as shop:
            given = make(url=f"https://shop.test:{shop.port}/hooks")
            delivery = write_test(given.endpoint)
            assert send_webhooks(trust=authority.trust) == 1
        [got] = shop.received
        assert printed["is_genuine"](given.secret, got.headers, got.body)
        assert not printed["is_genuine"](given.secret, got.headers, got.body + b" ")
        assert not printed["is_genuine"]("whsec_" + base64.b64encode(b"other").decode(), got.headers, got.body)
        other_time = {**got.headers, "webhook-timestamp": str(int(got.headers["webhook-timestamp"]) - 1)}
        assert not printed["is_genuine"](given.secret, other_time, got.body)
        assert json.loads(got.body) == delivery.event.payload
        assert got.headers["webhook-id"] == str(delivery.event.event_id)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts, tries(delivery)) == (State.DELIVERED, 1, [(200, "")])

    def test_the_known_answer_of_the_convention(self, make: Making) -> None:
        """Worked out apart from this code, by openssl."""
        event = WebhookEvent(event_id="0b6f5c1e-8f0a-4a53-9c7e-2f1d7a0d5b11", payload={"b": [1, "å"], "a": None})
        at = datetime.fromisoformat("2027-03-01T12:00:00.9+00:00")
        message = sending.message_of(event, bytes(range(32)), at)
        assert message.body == '{"a":null,"b":[1,"å"]}'.encode()
        assert message.headers["webhook-timestamp"] == "1803902400"
        assert message.headers["webhook-signature"] == "v1,O3WNMf2nCgb+HaEHuDuBzMWAjpigHdd4J4RozHz7G70="

    def test_the_body_is_the_same_at_every_try_and_the_time_is_not(
        self, make: Making, network: Post, stands: Any
    ) -> None:
        network.answer(500)
        write_test(make().endpoint)
        for _time in range(3):
            send_webhooks()
            stands.shift(timedelta(hours=3))
        bodies, headers = {body for _host, body, _h in network.sent}, [headers for *_rest, headers in network.sent]
        assert (len(network.sent), len(bodies)) == (3, 1)
        assert len({each["webhook-id"] for each in headers}) == 1
        for name in ("webhook-timestamp", "webhook-signature"):
            assert len({each[name] for each in headers}) == 3

    def test_a_new_secret_counts_for_what_waits(self, make: Making, network: Post, stands: Any) -> None:
        network.answer(401)
        given = make()
        write_test(given.endpoint)
        send_webhooks()
        renewed = renew_secret(endpoint=given.endpoint, replacing=secret_mark(given.endpoint))
        assert renewed.secret != given.secret
        stands.shift(timedelta(minutes=1))
        send_webhooks()
        before, after = (headers["webhook-signature"] for *_rest, headers in network.sent)
        event = WebhookEvent.objects.get()
        for secret, signature, at in (
            (given.secret, before, clock.real_now() - timedelta(minutes=1)),
            (renewed.secret, after, clock.real_now()),
        ):
            key = base64.b64decode(secret.removeprefix("whsec_"))
            assert len(key) == 32
            assert sending.message_of(event, key, at).headers["webhook-signature"] == signature


class TestTrying:
    def test_the_times_of_the_tries_and_then_it_is_given_up(self, make: Making, network: Post, stands: Any) -> None:
        network.answer(None, "There was no answer within 5 seconds.")
        delivery = write_test(make().endpoint)
        minutes = [0, 1, 5, 30, 120, 360, 720, 1440]
        for number, wait in enumerate(minutes):
            if wait:
                # A second before it is due nothing is tried.
                stands.shift(timedelta(minutes=wait, seconds=-1))
                send_webhooks()
                assert len(network.sent) == number
                stands.shift(timedelta(seconds=1))
            assert send_webhooks() == 0
            assert len(network.sent) == number + 1
            delivery.refresh_from_db()
            assert delivery.state == (State.GIVEN_UP if wait == 1440 else State.WAITING)
        stands.shift(timedelta(days=30))
        send_webhooks()
        assert len(network.sent) == 8
        assert tries(delivery) == [(None, "There was no answer within 5 seconds.")] * 8

    @pytest.mark.parametrize("status", [200, 201, 204, 299])
    def test_taken(self, make: Making, network: Post, status: int) -> None:
        network.answer(status)
        delivery = write_test(make().endpoint)
        assert (send_webhooks(), send_webhooks()) == (1, 0)
        delivery.refresh_from_db()
        assert (delivery.state, tries(delivery)) == (State.DELIVERED, [(status, "")])

    @pytest.mark.parametrize(
        ("status", "problem"),
        [
            (301, "It answered with a redirect (301), which is not followed."),
            (308, "It answered with a redirect (308), which is not followed."),
            (400, "It answered with 400."),
            (429, "It answered with 429."),
            (503, "It answered with 503."),
        ],
    )
    def test_not_taken(self, make: Making, network: Post, status: int, problem: str) -> None:
        network.answer(status)
        delivery = write_test(make().endpoint)
        assert send_webhooks() == 0
        delivery.refresh_from_db()
        assert (delivery.state, tries(delivery)) == (State.WAITING, [(status, problem)])

    def test_gone_turns_the_webhook_off(self, make: Making, network: Post, stands: Any) -> None:
        network.answer(410)
        endpoint = make().endpoint
        first, second = write_test(endpoint), write_test(endpoint)
        send_webhooks()
        for row in (endpoint, first, second):
            row.refresh_from_db()
        assert (endpoint.is_on, len(network.sent)) == (False, 1)
        assert (
            endpoint.off_because == "It answered 410: nobody wants events there any more. The webhook was turned off."
        )
        assert (first.state, second.state) == (State.GIVEN_UP, State.WAITING)
        # Turned on again, it is sent what waited.
        network.answer(200)
        assert turn_endpoint(endpoint, on=True).off_because == ""
        assert send_webhooks() == 1

    def test_but_not_one_that_has_another_address_by_now(self, make: Making, network: Post) -> None:
        endpoint = make().endpoint
        write_test(endpoint)

        def gone() -> Answer:
            return Answer(410, "", 5)

        network.answers["shop.test"] = gone
        original = sending._write_down

        def moved(delivery: WebhookDelivery, answer: Answer) -> bool:
            change_endpoint(endpoint=endpoint, name="Shop", url="https://new.test/", kinds=["keys.undone"])
            return original(delivery, answer)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sending, "_write_down", moved)
            send_webhooks()
        endpoint.refresh_from_db()
        assert endpoint.is_on

    def test_while_it_is_off_nothing_is_sent(self, make: Making, network: Post) -> None:
        endpoint = make().endpoint
        write_test(endpoint)
        turn_endpoint(endpoint, on=False)
        assert (send_webhooks(), network.sent) == (0, [])

    def test_what_waits_goes_to_the_new_address(self, make: Making, network: Post, stands: Any) -> None:
        endpoint = make().endpoint
        write_test(endpoint)
        change_endpoint(endpoint=endpoint, name="Shop", url="https://new.test/", kinds=["keys.undone"])
        send_webhooks()
        assert network.hosts == ["new.test"]

    def test_an_address_that_is_refused_by_now(self, make: Making, network: Post, settings: Settings) -> None:
        settings.DEMONSTRATION = True
        delivery = write_test(make(url="http://localhost:8001/").endpoint)
        settings.DEMONSTRATION = False
        send_webhooks()
        assert network.sent == []
        [(status, problem)] = tries(delivery)
        assert status is None and "localhost is none" in problem

    def test_a_secret_that_can_not_be_read(self, make: Making, network: Post, settings: Settings) -> None:
        delivery = write_test(make().endpoint)
        settings.ENCRYPTION_SECRET = "another secret, as after a restore with the wrong environment: 0123456789"
        send_webhooks()
        [(status, problem)] = tries(delivery)
        assert (status, network.sent) == (None, [])
        assert problem.startswith("Nothing was sent: the secret can't be read")

    def test_a_secret_moved_to_another_webhook_can_not_be_read(self, make: Making, network: Post) -> None:
        one, other = make("One").endpoint, make("Other").endpoint
        WebhookEndpoint.objects.filter(pk=one.pk).update(sealed_secret=bytes(other.sealed_secret))
        write_test(one)
        send_webhooks()
        assert network.sent == []

    def test_a_fault_of_one_delivery_keeps_no_other_waiting(
        self, make: Making, network: Post, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fails() -> Answer:
            raise ZeroDivisionError

        network.answers["broken.test"] = fails
        broken = write_test(make("Broken", "https://broken.test/").endpoint)
        whole = write_test(make("Whole").endpoint)
        assert send_webhooks() == 1
        for row in (broken, whole):
            row.refresh_from_db()
        assert (broken.state, whole.state) == (State.WAITING, State.DELIVERED)
        assert "failed by a fault of the portal" in caplog.text

    def test_the_schedule_runs_it(self, make: Making, network: Post) -> None:
        write_test(make().endpoint)
        entry = next(each for each in app.conf.beat_schedule.values() if each["task"] == "shop.send_webhooks")
        app.loader.import_default_modules()
        app.tasks[entry["task"]]()
        assert len(network.sent) == 1


class TestFairness:
    def test_webhooks_take_turns_each_in_its_own_order(self, make: Making, network: Post) -> None:
        one, other = make("One", "https://one.test/").endpoint, make("Other", "https://other.test/").endpoint
        written = [write_test(one) for _number in range(5)] + [write_test(other)]
        assert send_webhooks() == 6
        assert "other.test" in network.hosts[:3]
        ids = [headers["webhook-id"] for host, _body, headers in network.sent if host == "one.test"]
        assert ids == [str(each.event.event_id) for each in written[:5]]

    def test_one_that_does_not_answer_is_asked_once_in_a_run(self, make: Making, network: Post) -> None:
        network.answer(None, "There was no answer within 5 seconds.", host="slow.test")
        slow, quick = make("Slow", "https://slow.test/").endpoint, make("Quick").endpoint
        for _number in range(5):
            write_test(slow)
            write_test(quick)
        assert send_webhooks() == 5
        assert Counter(network.hosts) == {"slow.test": 1, "shop.test": 5}

    def test_while_one_is_slow_the_others_go_on(self, make: Making, network: Post) -> None:
        """The slow one answers only when all of the others have been delivered."""
        slow, quick = make("Slow", "https://slow.test/").endpoint, make("Quick").endpoint
        for _number in range(5):
            write_test(slow)
            write_test(quick)
        all_others = threading.Event()
        left = [5]

        def answers_at_once() -> Answer:
            left[0] -= 1
            if not left[0]:
                all_others.set()
            return Answer(200, "", 1)

        def waits_for_the_others() -> Answer:
            assert all_others.wait(20), "the others wait for the slow one"
            return Answer(200, "", 1)

        network.answers = {"slow.test": waits_for_the_others, "shop.test": answers_at_once}
        assert send_webhooks() == 10

    def test_a_run_ends(self, make: Making, network: Post, monkeypatch: pytest.MonkeyPatch) -> None:
        endpoint = make().endpoint
        for _number in range(5):
            write_test(endpoint)
        monkeypatch.setattr(sending, "TRIES_A_RUN", 3)
        assert send_webhooks() == 3
        monkeypatch.setattr(sending, "SECONDS_A_RUN", 0.0)
        assert send_webhooks() == 0
        monkeypatch.undo()


class TestKilled:
    def test_between_sending_and_writing_it_down_it_is_sent_again_under_the_same_id(
        self, make: Making, network: Post, stands: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        delivery = write_test(make().endpoint)

        def killed(*args: object) -> bool:
            raise SystemExit

        with monkeypatch.context() as patch:
            patch.setattr(sending, "_write_down", killed)
            with pytest.raises(SystemExit):
                send_webhooks()
        # Until its claim runs out nobody knows that the worker is gone.
        stands.shift(CLAIMED_FOR - timedelta(seconds=1))
        assert send_webhooks() == 0
        stands.shift(timedelta(seconds=1))
        assert send_webhooks() == 1
        first, second = network.sent
        assert first[1] == second[1]
        assert first[2]["webhook-id"] == second[2]["webhook-id"] == str(delivery.event.event_id)

    def test_a_worker_that_was_away_does_not_undo_what_the_next_one_did(
        self, make: Making, network: Post, stands: Any
    ) -> None:
        """Its try is on the page; what became of the delivery is the other worker's to say."""
        delivery = write_test(make().endpoint)
        away = sending._claim_next(delivery.endpoint_id)
        assert away is not None
        stands.shift(CLAIMED_FOR)
        assert send_webhooks() == 1
        assert not sending._write_down(away, Answer(500, "", 90_000))
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts) == (State.DELIVERED, 1)
        assert tries(delivery) == [(200, ""), (500, "It answered with 500.")]

    def test_a_delivery_that_was_forgotten_meanwhile(self, make: Making, network: Post) -> None:
        delivery = write_test(make().endpoint)
        claimed = sending._claim_next(delivery.endpoint_id)
        assert claimed is not None
        delivery.delete()
        assert not sending._write_down(claimed, Answer(200, "", 5))


class TestReplaying:
    def test_what_was_taken_is_sent_again_under_the_same_id(self, make: Making, network: Post) -> None:
        delivery = write_test(make().endpoint)
        assert send_webhooks() == 1
        delivery.refresh_from_db()
        replay(delivery)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts, delivery.delivered_at) == (State.WAITING, 0, None)
        assert (send_webhooks(), send_webhooks()) == (1, 0)
        first, second = network.sent
        assert first[1] == second[1] and first[2]["webhook-id"] == second[2]["webhook-id"]
        assert tries(delivery) == [(200, ""), (200, "")]

    def test_what_was_given_up_has_all_its_tries_again(self, make: Making, network: Post, stands: Any) -> None:
        network.answer(500)
        delivery = write_test(make().endpoint)
        for _number in range(8):
            send_webhooks()
            stands.shift(timedelta(days=2))
        delivery.refresh_from_db()
        assert delivery.state == State.GIVEN_UP
        replay(delivery)
        send_webhooks()
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts) == (State.WAITING, 1)
        assert delivery.next_attempt_at == clock.real_now() + timedelta(minutes=1)

    def test_what_waits_is_tried_at_once(self, make: Making, network: Post, stands: Any) -> None:
        network.answer(500)
        delivery = write_test(make().endpoint)
        send_webhooks()
        send_webhooks()
        assert len(network.sent) == 1
        replay(delivery)
        send_webhooks()
        assert len(network.sent) == 2

    def test_not_what_is_being_sent(self, make: Making, network: Post) -> None:
        delivery = write_test(make().endpoint)
        assert sending._claim_next(delivery.endpoint_id) is not None
        with pytest.raises(ReplayRefused, match="is being sent at this moment"):
            replay(delivery)

    def test_nor_to_a_webhook_that_is_off(self, make: Making, network: Post) -> None:
        endpoint = make().endpoint
        delivery = write_test(endpoint)
        send_webhooks()
        delivery.endpoint = turn_endpoint(endpoint, on=False)
        with pytest.raises(EndpointIsOff):
            replay(delivery)
        delivery.refresh_from_db()
        assert delivery.state == State.DELIVERED


def test_events_are_forgotten_after_ninety_days(make: Making, network: Post, stands: Any) -> None:
    endpoint = make().endpoint
    tables = (WebhookEvent, WebhookDelivery, WebhookAttempt)
    for _day in range(2):
        write_test(endpoint)
        send_webhooks()
        stands.shift(timedelta(days=1))
    # The first is 90 days old, and a moment older.
    stands.shift(timedelta(days=88))
    forget_expired()
    assert [table.objects.count() for table in tables] == [2, 2, 2]
    stands.shift(timedelta(seconds=1))
    forget_expired()
    assert [table.objects.count() for table in tables] == [1, 1, 1]
    stands.shift(timedelta(days=1))
    forget_expired()
    assert [table.objects.count() for table in tables] == [0, 0, 0]
    assert WebhookEndpoint.objects.count() == 1


def test_the_secret_is_in_no_log_and_no_table(
    make: Making, authority: Authority, names: Names, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    """In no form in which somebody could use it, and whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    settings.DEMONSTRATION = True
    names.lead("shop.test", ["127.0.0.1"])
    with receiver(authority.context("shop.test")) as shop:
        given = make(url=f"https://shop.test:{shop.port}/hooks")
        write_test(given.endpoint)
        send_webhooks(trust=authority.trust)
        shop.answer = lambda got: (500, {})
        write_test(given.endpoint)
        send_webhooks(trust=authority.trust)
        write_test(given.endpoint)
        send_webhooks()
    key = base64.b64decode(given.secret.removeprefix("whsec_"))
    forms = [given.secret.removeprefix("whsec_"), key.hex(), repr(key)[2:-1]]
    for model in apps.get_models():
        fields = [each.attname for each in model._meta.concrete_fields]
        for values in model._base_manager.values_list(*fields):
            text = " ".join(map(str, values))
            assert not [form for form in forms if form in text], model
            assert not [value for value in values if isinstance(value, (bytes, memoryview)) and key in bytes(value)]
    assert not [form for form in forms if form in caplog.text]
