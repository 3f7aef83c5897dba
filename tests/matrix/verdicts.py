"""What is wrong with an answer: a fault of the server, something of another organization, a way in that nobody gave (R30, R31)."""

import re
from dataclasses import dataclass, field

from django.urls import reverse

from organizations.access import PERMISSIONS
from organizations.models import Role
from tests.architecture.urls import Route
from tests.matrix.asking import Answer, Ask, ask
from tests.matrix.group import Group
from tests.matrix.tables import NOTHING_THERE, OF_ONE_MEMBER, SIGNED_IN
from tests.matrix.world import MARK, THEIRS, Persona, World

NOWHERE = "no-such-organization"
# Let in, if only to be told that this was no form of the page.
LET_IN = (200, 201, 202, 302, 303, 400, 409, 411, 413, 415, 422)


@dataclass
class Judge:
    """Asks groups and keeps what was wrong. Controls are asked once for all personas."""

    world: World
    wrong: list[str] = field(default_factory=list)
    cases: int = 0
    controls: int = 0
    # Controls that did or showed something, and were not only told why not.
    worked: int = 0
    _controls: dict[Ask, Answer] = field(default_factory=dict)

    def group(self, group: Group) -> None:
        """Ask all personas alike."""
        control, right = self._control(group), self._right_person(group)
        for persona in self.world.personas:
            self.cases += 1
            is_control = group.what == group.control and persona == right
            answer = control if is_control else ask(group.what, persona.session)
            for fault in self._faults(group, persona, answer, control):
                self.wrong.append(f"{persona.name}: {group}: {answer.status}, {fault}")

    def _control(self, group: Group) -> Answer:
        if group.control not in self._controls:
            if len(self._controls) > 50:
                self._controls.clear()
            self.controls += 1
            answer = ask(group.control, self._right_person(group).session)
            self.worked += answer.status < 400
            self._controls[group.control] = answer
        return self._controls[group.control]

    def _right_person(self, group: Group) -> Persona:
        if group.route.path.startswith("admin/"):
            return self.world.persona("staff")
        return self.world.administrator_of(group.control_letter or group.letter or THEIRS)

    def _faults(self, group: Group, persona: Persona, answer: Answer, control: Answer) -> list[str]:
        entitled = is_entitled(group, persona)
        faults = [
            *self._told(group, persona, answer),
            *self._changed(group, persona, answer, entitled),
        ]
        if answer.status >= 500:
            faults.append("a fault of the server")
        elif answer.status != 405:
            faults += _let_in(group, persona, answer)
        if not entitled:
            faults += self._as_others(group, persona, answer, control)
        return faults

    def _told(self, group: Group, persona: Persona, answer: Answer) -> list[str]:
        """Texts of an organization in which the persona is nobody, and that the persona did not say first."""
        if persona.is_staff and group.route.path.startswith("admin/"):
            return []
        own = (persona.user.email, persona.user.first_name, persona.user.last_name) if persona.user else ()
        said = f"{group.what.said} {' '.join(own)}".lower()
        found = sorted(text for text in tokens(self.world, answer.told, persona.letter) if text not in said)
        return [f"tells {', '.join(found[:5])} of another organization"] if found else []

    def _changed(self, group: Group, persona: Persona, answer: Answer, entitled: bool) -> list[str]:
        if persona.is_staff and group.route.path.startswith("admin/"):
            return []
        places = {(table, self.world.letter_of(organization)) for table, organization in answer.changed}
        foreign = sorted(
            f"{table} of {letter}"
            for table, letter in places
            if letter and (letter != persona.letter or not entitled) and table not in _by_design(group)
        )
        return [f"changes {', '.join(foreign)}"] if foreign else []

    def _as_others(self, group: Group, persona: Persona, answer: Answer, control: Answer) -> list[str]:
        """Who may not is answered otherwise than who may, but alike where a method is taken from nobody."""
        faults = []
        is_alike = group.route.permission is None or group.what.method != group.control.method
        if not is_alike and (answer.status == 405) != (control.status == 405):
            faults.append(f"takes the method from some and not from others: the right person gets {control.status}")
        if answer.is_like(control) and answer.status != 405 and (answer.content or answer.location):
            faults.append("is answered as the right person is")
        if group.is_in_path and group.letter and persona.user is not None and not persona.role_in(group.letter):
            slug = self.world.tenants[group.letter].organization.slug
            there = group.what.url.replace(f"/o/{slug}/", f"/o/{NOWHERE}/", 1)
            nowhere = ask(
                Ask(group.what.method, there, group.what.body, group.what.content_type, group.what.headers),
                persona.session,
            )
            if not answer.is_like(nowhere):
                faults.append("is told that the organization exists")
        return faults


def tokens(world: World, text: str, letter: str) -> set[str]:
    """The marks, ids and tails in a text that are not of the organization of this letter."""
    found = {mark[0].lower() for mark in MARK.finditer(text) if mark[1].lower() != letter}
    for told, of in world.telling.items():
        if of != letter and told in text and re.search(rf"(?<![0-9A-Za-z]){re.escape(told)}(?![0-9A-Za-z])", text):
            found.add(told.lower())
    return found


def is_entitled(group: Group, persona: Persona) -> bool:
    """Whether the table of permissions, or the portal's own list, gives the persona what the path leads to."""
    route = group.route
    if route.permission is not None:
        role = persona.role_in(group.letter)
        if not role or group.is_foreign or route.permission not in PERMISSIONS[role]:
            return False
        return route.name not in OF_ONE_MEMBER or role == Role.ADMINISTRATOR
    if route.name.startswith("api:"):
        return False
    if route.path.startswith("admin/") and route.name not in ("admin:login", "admin:logout"):
        return persona.is_staff
    return route.name not in SIGNED_IN or persona.user is not None


def asks_to_sign_in(answer: Answer) -> bool:
    """Whether the answer leads to the sign-in."""
    return answer.status == 302 and answer.location.split("?")[0] in (reverse("account_login"), reverse("admin:login"))


def _let_in(group: Group, persona: Persona, answer: Answer) -> list[str]:
    """Whether the status is what the table gives; 405 and faults of the server are looked at elsewhere."""
    fault = _wrong_status(group, persona, answer, group.route)
    return [fault] if fault else []


def _wrong_status(group: Group, persona: Persona, answer: Answer, route: Route) -> str:
    status = answer.status
    if route.permission is not None:
        return _of_an_organization(group, persona, answer)
    if route.name.startswith("api:"):
        # No session lets anybody in: only a token, or what a system signs.
        return "" if status >= 400 or (status, route.name) == (202, "api:report") else "is let in without a proof"
    if route.path.startswith("admin/"):
        return _in_admin(group, persona, answer)
    if route.name in SIGNED_IN and persona.user is None:
        return "" if asks_to_sign_in(answer) else "is not asked to sign in"
    return "may see this page" if status == 403 and group.what.method == "GET" else ""


def _in_admin(group: Group, persona: Persona, answer: Answer) -> str:
    route, status = group.route, answer.status
    if route.name in ("admin:login", "admin:logout"):
        return ""
    if not persona.is_staff:
        return "" if asks_to_sign_in(answer) or status == 403 else "is no staff"
    # What is looked at only answers 403 where it would be added, changed or deleted.
    fixed = group.what.method not in ("GET", "HEAD") or route.path.endswith(("/add/", "/delete/"))
    found = status in LET_IN or (status == 403 and fixed)
    return "" if found or route.name in NOTHING_THERE else "is staff"


def _of_an_organization(group: Group, persona: Persona, answer: Answer) -> str:
    route, status, role = group.route, answer.status, persona.role_in(group.letter)
    if persona.user is None:
        return "" if asks_to_sign_in(answer) else "is not asked to sign in"
    if not role:
        return "" if status == 404 else "is no stranger"
    if route.permission not in PERMISSIONS[role]:
        return "" if status == 403 else f"may not {route.permission}"
    if group.is_foreign:
        # A redirect is the same whether or not there is something where it leads.
        found = status if status not in (302, 303) else ask(Ask("GET", answer.location), persona.session).status
        return "" if found == 404 else "finds what is another organization's"
    if route.name in OF_ONE_MEMBER and role != Role.ADMINISTRATOR:
        return "" if status == 404 else "finds what is another member's"
    if status in LET_IN or (status == 404 and group.variant != "path"):
        return ""
    # A page to look at may hold a form, which its view keeps for those who manage.
    holds_a_form = (
        group.what.method not in ("GET", "HEAD") and route.permission == "look" and role != Role.ADMINISTRATOR
    )
    return "" if status == 403 and holds_a_form else f"may {route.permission}"


def _by_design(group: Group) -> frozenset[str]:
    """A report under another key is put aside for an administrator of the system's organization to decide (R28)."""
    if group.route.name == "api:report":
        return frozenset({"hardware_heldreport", "history_record", "history_historyhead", "core_outboxmessage"})
    return frozenset()
