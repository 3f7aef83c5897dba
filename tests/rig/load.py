"""People and systems at work without pause, in threads: they redeem, allocate, register, upload, report, invite."""

import base64
import json
import random
import re
import threading
import traceback
import uuid
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from licensemgr.core import clock
from licensemgr.portal.simulating import SimulatedSystem
from tests.rig.asking import Answer, Browser, Journal, perform
from tests.rig.portal import Portal

# What an organization may invite within a day has an end.
INVITATIONS = 60
# How long somebody looks at a page, in seconds.
PAUSE = 0.03
CODE = "core-device"


class Load:
    """Everybody who works, and how it goes."""

    def __init__(self, portal: Portal, rng: random.Random, people: int) -> None:
        self.portal = portal
        self.journal = Journal()
        self.failures: list[str] = []
        self._stopping = threading.Event()
        self._keys = threading.Lock()
        self._invited = dict.fromkeys((each["slug"] for each in portal.seeded["customers"]), 0)
        self._workers = [Worker(self, random.Random(rng.random())) for _number in range(people)]
        self._threads: list[threading.Thread] = []

    def begin(self) -> None:
        """Let all of them work."""
        self._stopping.clear()
        self._threads = [threading.Thread(target=self._run, args=(worker,), daemon=True) for worker in self._workers]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Let each finish what it began; what nobody answers is given up."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=60)
            assert not thread.is_alive(), "the load hangs"
        self.check()

    def check(self) -> None:
        """Raises AssertionError where something went wrong that is no lost answer."""
        assert not self.failures, "\n".join(self.failures)

    def _run(self, worker: "Worker") -> None:
        try:
            while not self._stopping.wait(PAUSE):
                worker.step()
        except Exception:
            self.failures.append(traceback.format_exc())

    def browser(self, session: str = "") -> Browser:
        """Somebody's."""
        return Browser(self.portal.stack.port("web"), session)

    def key(self, product: str = "camera-station", *, single: bool = False) -> str:
        """A license key that nobody typed yet."""
        with self._keys:
            return str(self.portal.seeded["single_keys" if single else "keys"][product].pop())

    def keys_left(self) -> int:
        """How many license keys nobody typed yet."""
        return len(self.portal.seeded["keys"]["camera-station"])

    def may_invite(self, slug: str) -> bool:
        """Whether the organization may invite one more today."""
        with self._keys:
            self._invited[slug] += 1
            return self._invited[slug] <= INVITATIONS


class Worker:
    """Does one thing after the other, each for some organization."""

    def __init__(self, load: Load, rng: random.Random) -> None:
        self._load, self._rng = load, rng
        self._online: dict[str, tuple[SimulatedSystem, int]] = {}
        self._offline: dict[str, tuple[SimulatedSystem, int]] = {}
        self._steps: list[tuple[float, Callable[[dict[str, Any]], None]]] = [
            (0.35, self._redeem),
            (0.25, self._report),
            (0.12, self._allocate),
            (0.1, self._register),
            (0.1, self._upload),
            (0.08, self._invite),
        ]

    def step(self) -> None:
        """One of them, as often as it is."""
        weights = [weight for weight, _step in self._steps]
        [(_weight, step)] = self._rng.choices(self._steps, weights)
        step(self._rng.choice(self._load.portal.seeded["customers"]))

    def _perform(self, what: str, name: str, ask: Callable[[], Answer], good: tuple[int, ...] = (302, 303)) -> Answer:
        # Half of them do not ask again what was not answered.
        return perform(self._load.journal, what, name, ask, until_answered=self._rng.random() < 0.5, good=good)

    def _redeem(self, customer: dict[str, Any]) -> None:
        redeem(self._load, customer, self._rng.choice(["administrator", "manager"]), self._perform)

    def _report(self, customer: dict[str, Any]) -> None:
        system, devices = self._online.get(customer["slug"]) or (
            SimulatedSystem(f"On {uuid.uuid4()}", "camera-station"),
            0,
        )
        devices += self._rng.choice([0, 0, 1])
        self._online[customer["slug"]] = (system, devices)
        document = system.system_file(at=self._now(), counts={CODE: devices})
        browser = self._load.browser()
        answer = self._perform(
            "report",
            f"{system.system_id}/{system.sequence}",
            lambda: browser.call("/api/v1/reports", document, customer["code"]),
            good=(200, 202),
        )
        if answer.status == 200 and b'"signature"' in answer.raw:
            payload = json.loads(answer.raw)["payload"]
            given = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            change = self._load.journal.open("license file", given["file_id"])
            self._load.journal.note(change, 200, change.begun)

    def _now(self) -> Any:
        return clock.real_now() + timedelta(days=self._load.portal.days)

    def _allocate(self, customer: dict[str, Any]) -> None:
        """Whatever the page says that is missing in the first years, as far as the wallet has it."""
        browser = self._load.browser(customer["administrator"])
        confirmation = summary(browser, customer["slug"], "camera-station", years=self._rng.randint(1, 3))
        if confirmation:
            confirm(browser, customer["slug"], "camera-station", confirmation, self._perform)

    def _register(self, customer: dict[str, Any]) -> None:
        system = str(uuid.uuid4())
        fields = {
            "product": self._rng.choice(["camera-station", "audio-manager"]),
            "system_name": f"By hand {system}",
            "new_system_id": system,
        }
        # Keys carry the licenses of one type.
        if fields["product"] == "audio-manager":
            fields["devices_audio-device"] = str(self._rng.randint(0, 1))
        else:
            fields |= {f"devices_{CODE}": str(self._rng.randint(0, 1)), "devices_universal-device": "0"}
        browser = self._load.browser(customer["manager"])
        self._perform("register", system, lambda: browser.post(f"/o/{customer['slug']}/products/register/", fields))

    def _upload(self, customer: dict[str, Any]) -> None:
        """Two systems' files, looked at and confirmed."""
        browser = self._load.browser(customer["administrator"])
        upload = staged(self._load, browser, customer, self._offline, self._rng)
        if upload is not None:
            address, name = upload
            answer = self._perform("upload", name, lambda: browser.post(address, {}))
            # Each file is taken by itself, and the page that follows says what became of it: where the portal failed at one, too.
            if answer.status in (302, 303) and (page := browser.get(answer.location)).status == 200:
                self._load.journal.tell("upload", name, accepted(page.text))

    def _invite(self, customer: dict[str, Any]) -> None:
        if not self._load.may_invite(customer["slug"]):
            return
        address = f"{uuid.uuid4().hex}@example.com"
        fields = {"email": address, "role": "viewer", "form_token": str(uuid.uuid4())}
        browser = self._load.browser(customer["administrator"])
        self._perform("invite", address, lambda: browser.post(f"/o/{customer['slug']}/members/invite/", fields))


Perform = Callable[[str, str, Callable[[], Answer]], Answer]


def redeem(load: Load, customer: dict[str, Any], who: str, perform: Perform, key: str = "") -> Answer:
    """A key of several licenses, or that one, by a form of its own."""
    fields = {"license_key": key or load.key(), "form_token": str(uuid.uuid4())}
    browser = load.browser(customer[who])
    address = f"/o/{customer['slug']}/products/camera-station/wallet/redeem/"
    return perform("redeem", fields["form_token"], lambda: browser.post(address, fields))


def staged(
    load: Load,
    browser: Browser,
    customer: dict[str, Any],
    systems: dict[str, tuple[SimulatedSystem, int]],
    rng: random.Random,
) -> tuple[str, str] | None:
    """Where two files that were uploaded wait to be confirmed, and what the journal calls them; None where nothing was answered."""
    files, names = [], []
    for place in ("first", "second"):
        known = f"{customer['slug']} {place}"
        system, devices = systems.get(known) or (SimulatedSystem(f"Off {uuid.uuid4()}", "camera-station"), 0)
        devices += rng.choice([0, 0, 1])
        systems[known] = (system, devices)
        at = clock.real_now() + timedelta(days=load.portal.days)
        files.append((f"{place}.json", system.system_file(at=at, counts={CODE: devices})))
        names.append(f"{system.system_id}/{system.sequence}")
    answer = browser.upload(f"/o/{customer['slug']}/upload/", files)
    batch = answer.location.rstrip("/").rpartition("/")[2]
    return (answer.location, " ".join([batch, *names])) if answer.status in (302, 303) else None


def accepted(page: str) -> tuple[bool, ...]:
    """Whether the page after an upload says of each file that it was accepted."""
    lines = re.findall(r'<dt class="break">[^<]*</dt><dd class="break">(.*?)</dd>', page, re.DOTALL)
    return tuple(re.sub(r"<[^>]+>", " ", line).split()[0] == "Accepted" for line in lines)


def summary(browser: Browser, slug: str, product: str, years: int) -> str:
    """The sealed confirmation of what is missing in the first years that miss anything; empty where there is none."""
    page = browser.get(f"/o/{slug}/products/{product}/licensing/?fill=all")
    filled: dict[str, str] = {}
    found: set[str] = set()
    for tag in re.findall(r"<input[^>]*>", page.text):
        name, value = re.search(r'name="(y(\d+)-[^"]+)"', tag), re.search(r'\bvalue="([^"]*)"', tag)
        if name and value and value[1] not in ("", "0") and (name[2] in found or len(found) < years):
            found.add(name[2])
            filled[name[1]] = value[1]
    if not filled:
        return ""
    answer = browser.post(f"/o/{slug}/products/{product}/licensing/", filled)
    sealed = re.search(r'name="confirmation" value="([^"]+)"', answer.text)
    return sealed[1] if answer.status == 200 and sealed else ""


def confirm(browser: Browser, slug: str, product: str, confirmation: str, perform: Perform) -> Answer:
    """What the summary page showed."""
    address = f"/o/{slug}/products/{product}/licensing/confirm/"
    return perform("allocate", nonce_of(confirmation), lambda: browser.post(address, {"confirmation": confirmation}))


def nonce_of(confirmation: str) -> str:
    """By what the allocation is known: it can be read, and not be changed, by whoever has the page."""
    packed = confirmation.split(":")[0]
    text = base64.urlsafe_b64decode(packed.lstrip(".") + "=" * (-len(packed.lstrip(".")) % 4))
    return str(json.loads(zlib.decompress(text) if packed.startswith(".") else text)["nonce"])
