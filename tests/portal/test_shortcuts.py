"""Shortcuts: one table, from which the help is written; the script has no list of its own (WCAG 2.1.4)."""

import re
from html import unescape
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from licensemgr.portal.shortcuts import SHORTCUTS

pytestmark = pytest.mark.django_db
ROW = re.compile(r'<div data-keys="([^"]*)"([^>]*)><dt>(.*?)</dt><dd>(.*?)</dd></div>', re.DOTALL)
SCRIPT = Path(settings.BASE_DIR) / "static" / "js" / "palette.js"


def rows_of(text: str) -> list[tuple[str, dict[str, str], list[str], str]]:
    """The rows of the help in the dialog: keys, what they do, the keys as they are shown, the words."""
    dialog = text[text.index('id="shortcuts"') :]
    return [
        (
            unescape(keys),
            {name: unescape(value) for name, value in re.findall(r'data-(\w+)="([^"]*)"', rest)},
            [unescape(key) for key in re.findall(r"<kbd>(.*?)</kbd>", shown)],
            unescape(re.sub(r"<.*?>", "", words)).strip(),
        )
        for keys, rest, shown, words in ROW.findall(dialog)
    ]


def test_the_help_shows_the_table_and_carries_what_the_script_does(manager_client: Client) -> None:
    organization_pages = {"product_list", "history", "members", "upload_system_file"}
    rows = rows_of(manager_client.get(reverse("product_list", args=["harbour"])).content.decode())
    assert len(rows) == len(SHORTCUTS)
    for shortcut, (keys, does, shown, words) in zip(SHORTCUTS, rows, strict=True):
        assert keys.split(" ") == shown == list(shortcut.keys)
        assert words == str(shortcut.label)
        arguments = ["harbour"] if shortcut.page in organization_pages else []
        url = reverse(shortcut.page, args=arguments) if shortcut.page else ""
        wanted = {"goes": url, "presses": shortcut.presses, "focuses": shortcut.focuses, "opens": shortcut.opens}
        assert does == {name: value for name, value in wanted.items() if value}
        assert len(does) == 1


def test_no_keys_begin_as_others_do() -> None:
    """Whoever pressed “g” waits for one more key, so “g” alone can mean nothing."""
    keys = [shortcut.keys for shortcut in SHORTCUTS]
    assert len(set(keys)) == len(keys)
    assert not {each for each in keys if any(other[: len(each)] == each and other != each for other in keys)}


def test_the_script_names_no_key_of_the_table() -> None:
    script = SCRIPT.read_text()
    for shortcut in SHORTCUTS:
        for key in shortcut.keys:
            assert f'"{key}"' not in script
        assert not shortcut.presses or shortcut.presses not in script


def test_a_viewer_is_not_offered_what_he_or_she_may_not_do(viewer_client: Client) -> None:
    rows = rows_of(viewer_client.get(reverse("product_list", args=["harbour"])).content.decode())
    assert "g u" not in [row[0] for row in rows]
    assert "g h" in [row[0] for row in rows]


def test_elsewhere_those_of_an_organization_open_nothing(anonymous_client: Client) -> None:
    page = anonymous_client.get(reverse("shortcuts"))
    assert page.status_code == 200
    rows = {row[0]: row for row in rows_of(page.content.decode())}
    assert rows["g p"][1] == {}
    assert rows["g p"][3] == "Product list on pages of an organization"
    assert rows["g b"][1] == {"goes": reverse("where_to_buy")}


def test_the_page_has_the_switch_and_the_footer_leads_there(anonymous_client: Client) -> None:
    page = anonymous_client.get(reverse("shortcuts")).content.decode()
    assert page.count("data-shortcuts-switch") == 2
    assert f'href="{reverse("shortcuts")}"' in page[page.index("<footer") :]
