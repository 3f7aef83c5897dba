"""Calls of the API, without a proof and with one of somebody else: the shop's tokens, the keys of systems."""

import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.urls import reverse

from hardware.registration_codes import make_code
from licensemgr.api.site import operations
from licensemgr.core import clock
from licensemgr.portal.simulating import SimulatedSystem
from licensemgr.shop.models import Scope
from tests.api.calls import DOCUMENT, request_proof
from tests.architecture.urls import Route, walk
from tests.matrix.asking import Ask
from tests.matrix.group import METHODS, Group
from tests.matrix.world import STRANGERS, THEIRS, World
from tests.shop.shopping import token_for, wanted

_LINE = {"order": "PO-1", "line": "1"}
# What each operation of the shop takes, and where it is asked.
_BODIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "issue_keys": ("POST", Scope.ISSUE, wanted(order="PO-2")),
    "order_keys": ("GET", Scope.READ, {}),
    "replace_keys": ("POST", Scope.ISSUE, {**_LINE, "reason": "lost"}),
    "revoke_keys": ("POST", Scope.REVOKE, {**_LINE, "reason": "lost"}),
}


def api_groups(world: World) -> Iterator[Group]:
    """Every operation by every method, with what would be right from the right one."""
    routes = {route.name: route for route in walk() if route.name.startswith("api:")}
    known = {*_BODIES, "report", "latest_license"}
    unknown = {each.url_name for each in operations()} - known
    assert not unknown, f"say in tests/matrix/api.py what these operations take: {unknown}"
    yield from _of_the_shop(world, routes)
    yield from _of_systems(world, routes)


def _of_the_shop(world: World, routes: dict[str, Route]) -> Iterator[Group]:
    staff = world.persona("staff").user
    assert staff is not None
    right = token_for(staff).token
    for name, (method, scope, body) in _BODIES.items():
        others = [each for each in Scope.values if each != scope]
        wrong = token_for(staff, *others).token
        url = reverse(f"api:{name}") + (f"?order={_LINE['order']}" if method == "GET" else "")
        text = json.dumps(body) if body else ""
        control = Ask(method, url, text, "application/json", _bearing(right))
        for variant, headers in (
            ("no token", ()),
            ("a token of another scope", _bearing(wrong)),
            ("no such token", _bearing(right[::-1])),
        ):
            for each in METHODS:
                what = Ask(each, url, text, "application/json", headers)
                yield Group(f"call with {variant}", routes[f"api:{name}"], "", what, control)


def _bearing(token: str) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Bearer {token}"),)


def _of_systems(world: World, routes: dict[str, Route]) -> Iterator[Group]:
    """Reports in the name of another organization's system, and its license file asked for by the own key."""
    for letter, other in ((THEIRS, STRANGERS), (STRANGERS, THEIRS)):
        theirs, own = world.tenants[letter].online, world.tenants[other].online
        at = clock.now()
        code = _code(world, other)
        address = f"/api/v1/systems/{theirs.system_id}/license"
        proved = Ask("GET", address, headers=(("System-Proof", _proof(theirs, address)),))
        pretending = Ask("GET", address, headers=(("System-Proof", _proof(own, address, as_if=theirs)),))
        for variant, call in (("no proof", Ask("GET", address)), ("the proof of another system", pretending)):
            for method in METHODS:
                what = Ask(method, address, headers=call.headers)
                yield Group(f"call with {variant}", routes["api:latest_license"], "", what, proved)
        reported = _report(theirs, at, theirs)
        for variant, body, headers in (
            ("an id alone", json.dumps({"system": {"id": str(theirs.system_id)}}), ()),
            ("the id of another system", _report(own, at, theirs), ()),
            ("the id of another system and an own code", _report(own, at, theirs), (("Registration-Code", code),)),
        ):
            for method in METHODS:
                what = Ask(method, "/api/v1/reports", body, DOCUMENT, headers)
                control = Ask("POST", "/api/v1/reports", reported, DOCUMENT)
                yield Group(f"report with {variant}", routes["api:report"], "", what, control)


def _report(signing: SimulatedSystem, at: datetime, named: SimulatedSystem) -> str:
    sender = SimulatedSystem("x", named.product, key=signing.key, system_id=named.system_id, sequence=named.sequence)
    return sender.system_file(at=at, counts={"core-device": 1}).decode()


def _proof(signing: SimulatedSystem, address: str, as_if: SimulatedSystem | None = None) -> str:
    sender = SimulatedSystem("x", signing.product, key=signing.key, system_id=(as_if or signing).system_id)
    return request_proof(sender, f"http://testserver{address}", clock.real_now())


def _code(world: World, letter: str) -> str:
    organization = world.tenants[letter].organization
    actor = world.administrator_of(letter).user
    assert actor is not None
    return make_code(
        organization=organization,
        label="x",
        uses=9,
        days=7,
        actor=actor,
        on=clock.today(organization),
        form_token=uuid.uuid4(),
    ).code
