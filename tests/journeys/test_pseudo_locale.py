"""The main pages in a language whose texts stand in brackets and are 40 % longer: all is translated, and all fits."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from licensemgr.portal.translating.pseudo import LANGUAGE, pseudo, write_pseudo
from organizations.accounts import choose_language
from organizations.models import Organization, User
from products.models import SystemSource
from tests.factories import Books
from tests.journeys.conftest import START, Visitor

PRODUCT = "camera-station"
WIDTHS = (320, 390, 1280)
# Every visible text outside of brackets. What a translation is filled in with stands within its brackets.
OUTSIDE = """() => {
  const found = [];
  let depth = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const element = node.parentElement;
    if (element.closest("script, style, noscript, [hidden], code, .mono, [translate=no], [lang]:not(html)")) continue;
    let outside = "";
    for (const sign of node.data) {
      if (sign === "[") depth += 1;
      if (!depth) outside += sign;
      if (sign === "]") depth -= 1;
    }
    if (outside.trim() && element.checkVisibility()) found.push(outside.trim().replace(/\\s+/g, " "));
  }
  if (depth) found.push("brackets are not closed");
  return found;
}"""
WORDS = re.compile(r"[^\W\d_]{2,}")
MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)[a-z]*"
DATE = re.compile(rf"{MONTH}\.? \d+, \d{{4}}|\d+:\d+|{MONTH} \d{{4}}|UTC|Ctrl K")


def test_texts_stay_whole() -> None:
    assert pseudo("Day") == "[Dàý]"
    assert pseudo(" or ").startswith(" [") and pseudo(" or ").endswith("] ")
    long = pseudo('<a href="%(url)s">See all %(n)d systems</a> &nbsp;')
    assert '<a href="%(url)s">' in long and "%(n)d" in long and "</a> &nbsp;" in long
    assert len(pseudo("x" * 100)) == 142


def untranslated(texts: list[str], known: list[str]) -> list[str]:
    """What is left of texts without the names, dates and signs that are no words of the portal."""
    found: list[str] = []
    for text in texts:
        rest = DATE.sub("", text)
        for name in known:
            rest = rest.replace(name, "")
        if WORDS.search(rest):
            found.append(text)
    return found


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_main_pages_are_translated_and_fit(
    licensed: Books,
    visit: Callable[..., Visitor],
    manager: User,
    manager_client: Client,
    organization: Organization,
    settings: LazySettings,
    tmp_path: Path,
) -> None:
    write_pseudo(tmp_path)
    settings.LOCALE_PATHS = [tmp_path]
    settings.LANGUAGES = [("en", "English"), (LANGUAGE, "Pseudo")]
    choose_language(user=manager, language=LANGUAGE)
    system = licensed.report(START, system="By hand", source=SystemSource.MANUAL, core=3)
    licensed.redeem(START, core=25, universal=3)
    visitor = visit(manager_client)
    slug = organization.slug
    data = {organization.name, "Camera Station", "Core device", "Universal device", "By hand", "Main", str(manager)}
    data |= {manager.email, "administrator@example.com", "Ada Minister", "License Manager", "English", "Pseudo"}
    known = sorted(data | {"/.well-known/jwks.json"}, key=len, reverse=True)
    problems: list[str] = []
    for name, arguments in {
        "my_systems": (),
        "product_list": (slug,),
        "register_product": (slug,),
        "upload_system_file": (slug,),
        "history": (slug,),
        "members": (slug,),
        "product_overview": (slug, PRODUCT),
        "product_licensing": (slug, PRODUCT),
        "product_wallet": (slug, PRODUCT),
        "system_setup": (slug, PRODUCT),
        "edit_devices": (slug, PRODUCT, system.system_id),
        "account": (),
        "where_to_buy": (),
        "verify": (),
    }.items():
        visitor.open(name, *arguments)
        assert visitor.page.evaluate("document.documentElement.lang") == LANGUAGE
        problems += [f"{name}: not translated: {text}" for text in untranslated(visitor.page.evaluate(OUTSIDE), known)]
        for width in WIDTHS:
            visitor.page.set_viewport_size({"width": width, "height": 900})
            wider = visitor.page.evaluate("document.documentElement.scrollWidth") - width
            if wider > 0:
                problems.append(f"{name}: {wider} px wider than {width} px")
    assert not problems, "\n".join(problems)
