"""What the rendered pages say, read off their HTML, is what the independent model says (R14a, R2)."""

import re
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from licensemgr.portal.playing import Player
from organizations.models import Organization, Role, User
from organizations.services import add_member
from tests.rules.test_scenarios import _histories

# Statuses whose pages are looked at whenever they come.
RARE = ("no_need", "growth_exceeded", "expansion_needed")


class Page(HTMLParser):
    """The rows of a page's tables as {data-label: text}, its times, and its definition lists as {term: text}."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[dict[str, str]] = []
        self.groups: list[dict[str, Any]] = []
        self.terms: dict[str, str] = {}
        self.statuses: list[str] = re.findall(r'class="status status--([a-z_]+)', html)
        self._cell: str | None = None
        self._term: str | None = None
        self._table = ""
        self._is_body = False
        self._in: list[str] = []
        self.text = ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "table":
            self._table = values.get("class") or ""
        if tag == "tbody":
            self._is_body = True
            self.groups.append({"table": self._table.split(), "times": [], "rows": []})
        if tag == "tr":
            self.rows.append({})
            if self._is_body:
                self.groups[-1]["rows"].append(self.rows[-1])
        if tag in ("th", "td") and self.rows:
            self._cell = values.get("data-label") or ("heading" if tag == "th" else None)
        if tag == "time" and self.groups:
            self.groups[-1]["times"].append(values.get("datetime"))
        if tag in ("dt", "dd"):
            self._in.append(tag)
            if tag == "dt":
                self._term = ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td"):
            self._cell = None
        if tag == "tbody":
            self._is_body = False
        if tag in ("dt", "dd") and self._in:
            self._in.pop()

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._cell and self.rows:
            self.rows[-1][self._cell] = self.rows[-1].get(self._cell, "") + data.strip()
        if self._in and self._in[-1] == "dt" and self._term is not None:
            self._term += data.strip()
        if self._in and self._in[-1] == "dd" and self._term and data.strip():
            self.terms.setdefault(self._term, data.strip())


def _number(text: str) -> int:
    found = re.match(r"\d+", text)
    assert found, f"no number in {text!r}"
    return int(found.group())


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("file", "scenario"),
    [("scenarios", 3), ("scenarios", 17), ("scenarios", 31), ("scenarios-hardware", 9)],
)
def test_the_pages_say_what_the_model_says(
    file: str, scenario: int, administrator: User, administrator_client: Client, frozen_clock: Any
) -> None:
    player = Player()
    for number, step in enumerate(_histories(file)[scenario]):
        player.play_step(step)
        if number == 0:
            organization = player.organizations[step["scenario"]]
            add_member(
                organization=organization, user=administrator, role=Role.ADMINISTRATOR, actor=None, on=date(2020, 1, 1)
            )
        # Every eighth step's pages, and each whose status is rare.
        if number % 8 == 0 or any(
            then["status"] in ("no_need", "growth_exceeded", "expansion_needed") for then in step["then"].values()
        ):
            frozen_clock.move_to(date.fromisoformat(step["on"]))
            for code, then in step["then"].items():
                _compare(administrator_client, organization, player, code, then)


def _compare(client: Client, organization: Organization, player: Player, code: str, then: dict[str, Any]) -> None:
    address = f"/o/{organization.slug}/products/{code}/"
    if then["status"] == "unregistered":
        assert client.get(address).status_code == 404
        return
    names = {license_type.name: license_type.code for license_type in player.products[code].license_types.all()}
    overview = Page(client.get(address).content.decode())
    assert set(overview.statuses) == {then["status"]}
    if then["status"] in ("started", "renewal_grace"):
        assert date.fromisoformat(then["grace_last_day"]).strftime("%Y") in overview.text
        assert f'datetime="{then["grace_last_day"]}"' in client.get(address).content.decode()
    for row in overview.rows:
        if row.get("heading") in names and "Wallet: hardware" in row:
            assert _number(row["Wallet: hardware"]) == then["wallet"]["hardware"][names[row["heading"]]]
    listed = Page(client.get(f"/o/{organization.slug}/?search={player.products[code].name}").content.decode())
    [row] = [row for row in listed.rows if row.get("heading") == player.products[code].name]
    assert listed.statuses == [then["status"]]
    for kind, label in (("subscription", "Wallet: subscription"), ("hardware", "Wallet: hardware")):
        assert _number(row[label]) == sum(then["wallet"][kind].values())
    wallet = Page(client.get(f"{address}wallet/").content.decode())
    for name, type_code in names.items():
        assert _number(wallet.terms[f"{name}, subscription"]) == then["wallet"]["subscription"][type_code]
        assert _number(wallet.terms.get(f"{name}, tied to hardware", "0")) == then["wallet"]["hardware"][type_code]
        credit = re.search(rf"{name}: (\d+) days?\.", wallet.text)
        assert (int(credit.group(1)) if credit else 0) == then["credit_days"][type_code]
    if "years" in then:
        licensing = Page(client.get(f"{address}licensing/").content.decode())
        years = [group for group in licensing.groups if "years" in group["table"]]
        assert len(years) == len(then["years"]) == 6
        for group, expected in zip(years, then["years"], strict=True):
            assert group["times"][:2] == [expected["first"], expected["last"]]
            for row in group["rows"]:
                type_code = names[row["License type"]]
                assert _number(row["Allocated"]) == expected["allocated"][type_code]
                assert _number(row["Missing"]) == expected["missing"][type_code]
