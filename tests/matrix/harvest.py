"""What the pages themselves send: the forms and the queries of links of everything that an administrator sees."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from django.urls import Resolver404, resolve

from tests.architecture.urls import Route
from tests.matrix.asking import Ask, ask
from tests.matrix.world import Persona

# Django's own proof that a form is ours; the cases are sent without its check.
_TOKEN = "csrfmiddlewaretoken"


@dataclass(frozen=True)
class Form:
    """A form as a page holds it, with what is written in it."""

    name: str
    method: str
    url: str
    fields: tuple[tuple[str, str], ...]

    def with_one(self, name: str, value: str) -> str:
        """Its body with another value of one field."""
        return urlencode([(each, value if each == name else kept) for each, kept in self.fields])


@dataclass
class Harvest:
    """The forms that post, and of each URL's name the names in the queries of links and forms that lead there."""

    forms: dict[tuple[str, tuple[str, ...]], Form] = field(default_factory=dict)
    queries: dict[str, set[str]] = field(default_factory=dict)

    @property
    def query_names(self) -> set[str]:
        return {name for names in self.queries.values() for name in names}

    def add(self, url: str, text: str) -> None:
        """What one page holds."""
        reader = _Reader(url)
        reader.feed(text)
        for form in reader.forms:
            if form.method == "POST":
                names = tuple(sorted({name for name, _value in form.fields}))
                self.forms.setdefault((form.name, names), form)
            else:
                self.queries.setdefault(form.name, set()).update(name for name, _value in form.fields)
        for link in reader.links:
            name = _name_of(link)
            if name:
                self.queries.setdefault(name, set()).update(key for key, _v in parse_qsl(urlsplit(link).query))


def harvest(routes: Iterable[tuple[Route, str]], persona: Persona) -> Harvest:
    """What the pages of these routes, at these URLs, hold for somebody."""
    found = Harvest()
    for _route, url in routes:
        answer = ask(Ask("GET", url), persona.session)
        if answer.status == 200 and "text/html" in answer.headers:
            found.add(url, answer.content.decode())
    return found


def _name_of(url: str) -> str:
    """The name of the URL to which an address leads; empty for one elsewhere."""
    parts = urlsplit(url)
    if parts.netloc or parts.scheme not in ("", "http"):
        return ""
    try:
        return str(resolve(parts.path).view_name)
    except Resolver404:
        return ""


class _Reader(HTMLParser):
    """Collects forms with their fields, and links."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._open: tuple[str, str] | None = None
        self._fields: list[tuple[str, str]] = []
        self._select = ""
        self.forms: list[Form] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and given.get("href", "").startswith(("/", "?")):
            self.links.append(urljoin(self._url, given["href"]))
        elif tag == "form":
            self._open = (given.get("method", "get").upper(), urljoin(self._url, given.get("action") or self._url))
            self._fields = []
        elif tag in ("input", "textarea", "button") and given.get("name"):
            self._add(given["name"], given.get("value", ""), given.get("type", ""))
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._select:
            # The last option: of most choices one that is not chosen.
            self._fields = [each for each in self._fields if each[0] != self._select]
            self._fields.append((self._select, given.get("value", "")))

    def _add(self, name: str, value: str, kind: str) -> None:
        known = {each for each, _value in self._fields}
        if name != _TOKEN and kind != "file" and not (kind == "radio" and name in known):
            self._fields.append((name, value))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "form" and self._open is not None:
            method, url = self._open
            name = _name_of(url)
            if name:
                self.forms.append(Form(name, method, url, tuple(self._fields)))
            self._open = None
