"""The catalogue's form: a page in a state, and how a person comes there. The pages themselves: catalogue.py and its neighbours.

``page_states()`` gives all of them; ``Stage.show`` (stage.py) puts one on, for whoever wants to look at it.
"""

import html
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.test import Client, override_settings
from django.urls import reverse

from tests.gallery.world import World

# The test client's answers have a type of the stubs' own.
Answer = Any
Steps = Callable[["Visit"], Answer]


@dataclass
class Visit:
    """Somebody's way to a state: a test client, and the last answer that it got."""

    world: World
    client: Client
    answer: Answer = None

    @property
    def path(self) -> str:
        """The address of the last answer."""
        request = self.answer.request
        return str(request["PATH_INFO"]) + (f"?{request['QUERY_STRING']}" if request.get("QUERY_STRING") else "")

    def url(self, name: str, **values: object) -> str:
        """The address of a page; what is not named is of the furnished organization."""
        all_values = {**self.world.values, **values}
        for pattern in (name, f"admin:{name}"):
            route = _parameters().get(pattern)
            if route is not None:
                return reverse(pattern, kwargs={each: all_values[each] for each in route})
        raise AssertionError(f"there is no URL of the name {name}")

    def get(self, name: str, query: str = "", **values: object) -> Answer:
        """Look at a page."""
        self.answer = self.client.get(self.url(name, **values) + query, follow=True)
        return self.answer

    def post(self, name: str, data: Mapping[str, Any] | None = None, **values: object) -> Answer:
        """Send a form to a page, and go where it leads."""
        self.answer = self.client.post(self.url(name, **values), dict(data or {}), follow=True)
        return self.answer

    def hidden(self, name: str) -> str:
        """What the last page's form carries in a hidden field."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.answer.content.decode())
        assert found, f"the page at {self.path} has no field {name}"
        return html.unescape(found[1])


_PARAMETERS: dict[str, list[str]] = {}


def _parameters() -> dict[str, list[str]]:
    """The parameters of each URL name."""
    from tests.architecture.urls import walk

    if not _PARAMETERS:
        # The first of two routes of a name is the one that is reached.
        for route in walk():
            _PARAMETERS.setdefault(route.name, route.parameters)
    return _PARAMETERS


@dataclass(frozen=True)
class PageState:
    """A page in a state: the URL name that it is an example of, who looks, how it is reached, what is answered."""

    url_name: str
    state: str
    who: str
    steps: Steps
    status: int = 200
    # What is done in the browser before looking: selectors of what is clicked; "selector=text" is typed, "@key" is pressed.
    clicks: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    # What the page has to say: proof that the state is the one that its name tells.
    says: str = ""
    # The one theme that the page's address chooses; empty where it follows the system.
    theme: str = ""

    @property
    def name(self) -> str:
        """What it is called in reports and in names of files."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.url_name} {self.state}".lower()).strip("-")

    def reach(self, world: World, language: str = "en") -> Visit:
        """Go there. Within a transaction of who calls."""
        client = Client(raise_request_exception=False, headers={"accept-language": language})
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        visit = Visit(world, client)
        with override_settings(ACCOUNT_RATE_LIMITS=False, **self.settings):
            if self.who:
                client.force_login(world.person(self.who), backend=settings.AUTHENTICATION_BACKENDS[0])
            visit.answer = self.steps(visit)
        assert visit.answer.status_code == self.status, f"{self.name}: {visit.answer.status_code} at {visit.path}"
        return visit


_STATES: dict[str, PageState] = {}


def page_states() -> tuple[PageState, ...]:
    """Every page in every state."""
    from tests.gallery import catalogue, catalogue_hardware, catalogue_people, catalogue_portal, catalogue_staff

    for module in (catalogue, catalogue_people, catalogue_hardware, catalogue_portal, catalogue_staff):
        for state in module.states():
            _STATES.setdefault(state.name, state)
    return tuple(_STATES.values())


def page(
    url_name: str,
    state: str = "",
    *,
    who: str,
    query: str = "",
    data: Mapping[str, Any] | None = None,
    status: int = 200,
    clicks: Iterable[str] = (),
    says: str = "",
    options: Mapping[str, Any] | None = None,
    at: str = "",
    theme: str = "",
    **values: object,
) -> PageState:
    """A page that one request leads to: GET, or POST where there is ``data``. ``at`` is the address where it is no other page's."""

    def steps(visit: Visit) -> Answer:
        if data is not None:
            return visit.post(at or url_name, data, **values)
        return visit.get(at or url_name, query, **values)

    return PageState(url_name, state, who, steps, status, tuple(clicks), options or {}, says, theme)


def journey(
    url_name: str,
    state: str,
    steps: Steps,
    *,
    who: str,
    status: int = 200,
    says: str = "",
    options: Mapping[str, Any] | None = None,
) -> PageState:
    """A page that some steps lead to."""
    return PageState(url_name, state, who, steps, status, (), options or {}, says)
