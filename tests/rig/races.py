"""People who want the same thing at the same moment, half of the time while a process of the web server is ended."""

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from tests.rig.asking import Answer, Browser, perform
from tests.rig.load import confirm, redeem, staged, summary
from tests.rig.portal import RUN_DAILY
from tests.rig.rig import Rig

T = TypeVar("T")
_WON = (302, 303)


def last_license(rig: Rig) -> str:
    """Sixteen people allocate the last license of a wallet: one does, and the others are told."""
    crowd = _crowd(rig)
    people = [rig.load.browser(session) for session in rig.portal.seeded["crowd"]]
    _redeem_single(rig, crowd, "camera-station")
    pages = [_summary(person, crowd, "camera-station") for person in people]
    ended, answers = _at_once(
        rig,
        [
            partial(confirm, person, crowd, "camera-station", page, partial(_until_answered, rig))
            for person, page in zip(people, pages, strict=True)
        ],
    )
    _one_of(answers)
    return f"one of 16 has it{ended}"


def one_key(rig: Rig) -> str:
    """One license key in eight organizations: one of them has it."""
    key = rig.load.key()
    ended, answers = _at_once(
        rig,
        [
            partial(redeem, rig.load, customer, "administrator", partial(_until_answered, rig), key)
            for customer in rig.portal.seeded["customers"]
        ],
    )
    _one_of(answers)
    return f"one of 8 organizations has the key{ended}"


def opposite_allocations(rig: Rig) -> str:
    """Two people allocate to the same two products, in opposite order: each product once, and nobody waits for ever."""
    crowd = _crowd(rig)
    products = ("camera-station", "audio-manager")
    people = [rig.load.browser(session) for session in rig.portal.seeded["crowd"][:2]]
    for product in products:
        _redeem_single(rig, crowd, product)
    pages = [{product: _summary(person, crowd, product) for product in products} for person in people]
    answered: dict[tuple[int, str], Answer] = {}

    def both(number: int, order: Sequence[str]) -> Answer:
        for product in order:
            answered[number, product] = confirm(
                people[number], crowd, product, pages[number][product], partial(_until_answered, rig)
            )
        return answered[number, order[-1]]

    ended, _answers = _at_once(rig, [partial(both, 0, products), partial(both, 1, products[::-1])])
    for product in products:
        _one_of([answered[number, product] for number in range(2)])
    return f"each product is allocated once{ended}"


def upload_and_settle(rig: Rig) -> str:
    """Files are confirmed while the daily job settles the same organization."""
    customer = rig.rng.choice(rig.portal.seeded["customers"])
    browser = rig.load.browser(customer["administrator"])
    address, name = _patiently(lambda: staged(rig.load, browser, customer, {}, rig.rng), "nobody takes the files")
    rig.portal.let_pass(rig.rng.randint(30, 90))

    def settle() -> Answer:
        rig.portal.send_task(RUN_DAILY)
        return Answer(200)

    def take() -> Answer:
        return _until_answered(rig, "upload", name, lambda: browser.post(address, {}))

    ended, answers = _at_once(rig, [settle, take, take])
    assert [answer.status in _WON for answer in answers[1:]] == [True, True], answers
    return f"both files are accepted once{ended}"


def role_removed(rig: Rig) -> str:
    """A manager redeems keys while an administrator takes the role away: nothing is taken from a viewer."""
    customer = rig.rng.choice(rig.portal.seeded["customers"])
    administrator = rig.load.browser(customer["administrator"])
    role = f"/o/{customer['slug']}/members/{customer['manager_pk']}/role/"
    viewer_since: list[float] = []
    late: list[int] = []

    def demote() -> Answer:
        time.sleep(rig.rng.random() * 0.3)
        answer = _again(lambda: administrator.post(role, {"role": "viewer"}))
        viewer_since.append(time.monotonic())
        return answer

    def work() -> Answer:
        answer = Answer(0)
        for _number in range(8):
            begun = time.monotonic()
            answer = redeem(rig.load, customer, "manager", partial(_until_answered, rig))
            if viewer_since and begun > viewer_since[0]:
                late.append(answer.status)
        return answer

    ended, answers = _at_once(rig, [demote, work])
    answer = redeem(rig.load, customer, "manager", partial(_until_answered, rig))
    assert answers[0].status in _WON and {*late, answer.status} == {403}, (answers[0].status, late, answer.status)
    assert _again(lambda: administrator.post(role, {"role": "manager"})).status in _WON
    return f"from then on each is answered 403{ended}"


def _until_answered(rig: Rig, what: str, name: str, ask: Callable[[], Answer]) -> Answer:
    return perform(rig.journal, what, name, ask, until_answered=True)


def _again(ask: Callable[[], Answer]) -> Answer:
    while not 200 <= (answer := ask()).status < 500:
        time.sleep(0.2)
    return answer


def _crowd(rig: Rig) -> str:
    """An organization of which years are still to be allocated, the next in turn."""
    crowds = rig.portal.seeded["crowds"]
    rig.used["crowd"] += 1
    return str(crowds[rig.used["crowd"] % len(crowds)]["slug"])


def _summary(person: Browser, crowd: str, product: str) -> str:
    return _patiently(lambda: summary(person, crowd, product, years=1), f"nothing to confirm of {product}")


def _patiently(ask: Callable[[], T | None], what: str) -> T:
    """What is asked for before people meet: a process that was ended before may have left one of them without an answer."""
    for _number in range(20):
        if found := ask():
            return found
        time.sleep(0.5)
    raise AssertionError(what)


def _redeem_single(rig: Rig, crowd: str, product: str) -> None:
    fields = {"license_key": rig.load.key(product, single=True), "form_token": str(uuid.uuid4())}
    browser = rig.load.browser(rig.portal.seeded["crowd"][0])
    address = f"/o/{crowd}/products/{product}/wallet/redeem/"
    answer = _until_answered(rig, "redeem", fields["form_token"], lambda: browser.post(address, fields))
    assert answer.status in _WON, answer.status


def _one_of(answers: Sequence[Answer]) -> None:
    won = [answer.status in _WON for answer in answers]
    assert sum(won) == 1, [answer.status for answer in answers]


def _at_once(rig: Rig, changes: Sequence[Callable[[], Answer]]) -> tuple[str, list[Answer]]:
    """All of them at one moment; half of the time a process that serves them is ended meanwhile. What came back."""
    start = threading.Barrier(len(changes) + 1)
    answers = [Answer(0)] * len(changes)
    failures: list[BaseException] = []

    def run(number: int) -> None:
        start.wait(timeout=30)
        try:
            answers[number] = changes[number]()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(len(changes))]
    for thread in threads:
        thread.start()
    start.wait(timeout=30)
    is_ended = rig.rng.random() < 0.5
    if is_ended:
        time.sleep(rig.rng.random() * 0.5)
        rig.portal.end_child("web", rig.rng)
        rig.kills += 1
    for thread in threads:
        thread.join(timeout=90)
        assert not thread.is_alive(), "somebody waits for ever"
    if failures:
        raise failures[0]
    return (", while a process of the web server was ended" if is_ended else ""), answers
