"""The palette, the shortcuts, menus and dialogs at the keyboard; and every page by Tab alone."""

import re
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from licensemgr.portal.shortcuts import SHORTCUTS
from organizations.models import Organization
from products.models import SystemSource
from tests.factories import Books
from tests.journeys.conftest import START, Visitor
from tests.journeys.hands import HOW_FOCUSED, Keyboard
from tests.journeys.test_appearance import looking, problems_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PRODUCT = "camera-station"


@pytest.fixture
def typist(camera: Books, visit: Callable[..., Visitor], manager_client: Client, organization: Organization) -> Visitor:
    """The manager on the Product list, who has no mouse."""
    return visit(manager_client).open("product_list", organization.slug)


def palette_shows(page: Page, said: str | re.Pattern[str]) -> None:
    """The palette is open, has the focus, and says how much it found."""
    expect(page.locator("#palette-q")).to_be_focused()
    expect(page.locator("#palette-said")).to_have_text(said)


def active(page: Page) -> str:
    """The words of the option at which the combobox is."""
    words: str = page.evaluate(
        "document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))?.textContent.trim() || ''"
    )
    return words


def test_the_palette_goes_to_a_system_and_gives_the_focus_back(typist: Visitor) -> None:
    page = typist.page
    hand = Keyboard(page)
    link = page.get_by_role("banner").get_by_role("link", name="Go to…")
    hand.tab_to(link)
    page.keyboard.press("Enter")
    palette_shows(page, re.compile(r"^\d+ results$"))
    # It traps: Tab stays within.
    for _time in range(4):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement.closest('dialog') !== null || document.activeElement === document.body"
        )
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).not_to_be_visible()
    expect(link).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.type("main")
    palette_shows(page, "1 result")
    expect(page.locator("#palette [role=option]")).to_have_count(1)
    assert active(page).startswith("Main")
    page.keyboard.press("Enter")
    typist.heading("Main")
    expect(page).to_have_url(re.compile("/systems/"))


def test_arrows_go_round_and_enter_opens_what_they_chose(typist: Visitor) -> None:
    page = typist.page
    page.keyboard.press("Control+k")
    page.keyboard.type("camera")
    palette_shows(page, "9 results")
    expect(page.locator("#palette [role=option]").first).to_have_attribute("aria-selected", "true")
    expect(page.locator("#palette-q")).to_have_attribute("aria-expanded", "true")
    first = active(page)
    page.keyboard.press("ArrowUp")
    last = active(page)
    assert last.startswith("System setup of Camera Station")
    page.keyboard.press("ArrowDown")
    assert active(page) == first
    page.keyboard.press("ArrowDown")
    assert active(page).startswith("Camera Station")
    page.keyboard.press("ArrowDown")
    assert active(page).startswith("Redeem license key in Camera Station")
    page.keyboard.press("Enter")
    typist.heading("Redeem license key")
    expect(page).to_have_url(re.compile("/wallet/#redeem-license-key$"))


def test_enter_before_the_answer_opens_the_best_of_it(typist: Visitor) -> None:
    page = typist.page
    page.keyboard.press("Control+k")
    page.keyboard.type("history")
    page.keyboard.press("Enter")
    typist.heading("History")
    # Nothing was found: it says so and stays.
    page.keyboard.press("Control+k")
    page.keyboard.type("zzzz")
    palette_shows(page, "0 results")
    page.keyboard.press("Enter")
    expect(page.locator("#palette")).to_contain_text("Nothing was found.")
    expect(page.locator("#palette-q")).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).not_to_be_visible()


def test_without_javascript_go_to_is_a_page(
    camera: Books, visit: Callable[..., Visitor], manager_client: Client, organization: Organization
) -> None:
    visitor = visit(manager_client, java_script_enabled=False).open("product_list", organization.slug)
    visitor.page.get_by_role("banner").get_by_role("link", name="Go to…").click()
    visitor.heading("Go to")
    visitor.page.get_by_role("searchbox").fill("redeem")
    visitor.button("Search").click()
    visitor.link("Redeem license key in Camera Station", exact=False).click()
    visitor.heading("Redeem license key")
    visitor.page.get_by_role("contentinfo").get_by_role("link", name="Shortcuts").click()
    visitor.reads("Shortcuts need JavaScript")


def test_every_shortcut_does_what_the_table_says(typist: Visitor, organization: Organization) -> None:
    page = typist.page
    tabs = {"1": "product_overview", "2": "product_licensing", "3": "product_wallet", "4": "system_setup"}
    for shortcut in SHORTCUTS:
        if shortcut.keys in (("n",), ("b",)):
            continue
        start = "product_overview" if shortcut.keys[0] in tabs else "product_list"
        typist.open(start, organization.slug, *([PRODUCT] if start == "product_overview" else []))
        for key in shortcut.keys:
            page.keyboard.press(key)
        if shortcut.opens:
            expect(page.locator(shortcut.opens)).to_be_visible()
            page.keyboard.press("Escape")
            expect(page.locator(shortcut.opens)).not_to_be_visible()
        elif shortcut.focuses:
            expect(page.get_by_role("searchbox", name="Search products")).to_be_focused()
        elif shortcut.presses:
            expect(page).to_have_url(typist.base + reverse(tabs[shortcut.keys[0]], args=[organization.slug, PRODUCT]))
        else:
            arguments = [organization.slug] if shortcut.permission else []
            expect(page).to_have_url(typist.base + reverse(shortcut.page, args=arguments))


def test_n_and_b_turn_the_pages_of_a_list(typist: Visitor, camera: Books, organization: Organization) -> None:
    for number in range(51):
        camera.report(START, system=f"System {number:02}", source=SystemSource.MANUAL, core=1)
    page = typist.open("system_setup", organization.slug, PRODUCT).page
    expect(typist.link("System 00")).to_be_visible()
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile("after="))
    expect(typist.link("System 50")).to_be_visible()
    # What was pressed is gone with its page: the focus is at the head of the new one, which is announced.
    assert page.evaluate("document.querySelector('#systems').contains(document.activeElement)")
    expect(page.locator("#live-region")).to_have_text("2 rows shown")
    page.keyboard.press("b")
    expect(typist.link("System 00")).to_be_visible()


def test_shortcuts_keep_still_in_fields_with_modifiers_in_dialogs_and_when_switched_off(typist: Visitor) -> None:
    page = typist.page
    here = page.url
    page.keyboard.press("/")
    page.keyboard.type("g?1")
    expect(page.get_by_role("searchbox", name="Search products")).to_have_value("g?1")
    expect(page.locator("#shortcuts")).not_to_be_visible()
    page.evaluate("document.activeElement.blur()")
    for keys in ("Control+?", "Alt+?", "Meta+?"):
        page.keyboard.press(keys)
    expect(page.locator("#shortcuts")).not_to_be_visible()
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).not_to_be_visible()
    switch = page.locator("#shortcuts").get_by_label("Shortcuts of a single key are on")
    expect(switch).to_be_checked()
    Keyboard(page).tab_to(switch)
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    expect(page.locator("#shortcuts")).not_to_be_visible()
    page.reload()
    page.keyboard.press("?")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    expect(page.locator("#shortcuts")).not_to_be_visible()
    assert page.url.split("?")[0] == here
    # The page in the footer turns them on again.
    typist.open("shortcuts").page.get_by_role("main").get_by_label("Shortcuts of a single key are on").check()
    page.keyboard.press("g")
    page.keyboard.press("s")
    typist.heading("My Systems")


def test_menus_close_by_escape_and_outside_and_give_the_focus_back(typist: Visitor) -> None:
    page = typist.page
    for menu in ("details.menu--org", "details.menu--account"):
        summary = page.locator(f"{menu} > summary")
        Keyboard(page).tab_to(summary)
        page.keyboard.press("Enter")
        expect(page.locator(menu)).to_have_attribute("open", "")
        page.keyboard.press("ArrowDown")
        assert page.evaluate(
            "menu => document.querySelector(menu + ' .menu__panel').contains(document.activeElement)", menu
        )
        page.keyboard.press("Escape")
        expect(page.locator(menu)).not_to_have_attribute("open", "")
        expect(summary).to_be_focused()
        page.keyboard.press("Enter")
        page.mouse.click(640, 700)
        expect(page.locator(menu)).not_to_have_attribute("open", "")


def test_the_focus_stays_across_swaps_and_they_are_announced(
    typist: Visitor, camera: Books, organization: Organization
) -> None:
    page = typist.page
    said = page.locator("#live-region")
    search = page.get_by_role("searchbox", name="Search products")
    page.keyboard.press("/")
    page.keyboard.type("zz")
    expect(said).to_have_text("0 products found")
    expect(search).to_be_focused()
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    expect(said).to_have_text("1 product found")
    sort = page.locator("#sort-need")
    Keyboard(page).tab_to(sort)
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Current need")).to_have_attribute("aria-sort", "ascending")
    expect(page.locator("#sort-need")).to_be_focused()
    typist.open("history", organization.slug)
    page.keyboard.press("/")
    page.keyboard.type("zz")
    expect(said).to_have_text("Nothing was found")
    expect(page.locator("#id_q")).to_be_focused()
    # What is wrong gets the focus.
    typist.open("product_wallet", organization.slug, PRODUCT)
    Keyboard(page).tab_to(typist.key_field)
    page.keyboard.type("0123")
    page.keyboard.press("Enter")
    typist.reads("This is not a whole license key")
    expect(typist.key_field).to_be_focused()


def test_skip_links_lead_past_filters_and_tables(typist: Visitor, organization: Organization) -> None:
    page = typist.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    skip = page.get_by_role("link", name="Skip the table")
    Keyboard(page).tab_to(skip)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("!document.activeElement.closest('table')")
    typist.open("history", organization.slug)
    Keyboard(page).tab_to(page.get_by_role("link", name="Skip the filters"))
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    # Within the records, or beyond them where none of them has anything to press.
    assert page.evaluate(
        "(document.querySelector('#history-records').compareDocumentPosition(document.activeElement) & 4) > 0"
    )


@pytest.mark.slow
def test_every_page_by_tab_alone(
    licensed: Books, visit: Callable[..., Visitor], administrator_client: Client, organization: Organization
) -> None:
    """Whatever can be pressed or typed into is reached by Tab, is seen with the focus, and lets it go again."""
    slug = organization.slug
    system = licensed.report(START, system="By hand", source=SystemSource.MANUAL, core=3)
    unit = licensed.unit(START, "SN-1", core=1)
    visitor = visit(administrator_client)
    wrong = []
    for name, arguments in {
        "my_systems": (),
        "go": (),
        "shortcuts": (),
        "product_list": (slug,),
        "register_product": (slug,),
        "register_hardware": (slug,),
        "upload_system_file": (slug,),
        "history": (slug,),
        "members": (slug,),
        "organization_settings": (slug,),
        "registration_codes": (slug,),
        "hidden_products": (slug,),
        "product_overview": (slug, PRODUCT),
        "product_licensing": (slug, PRODUCT),
        "product_wallet": (slug, PRODUCT),
        "system_setup": (slug, PRODUCT),
        "system_details": (slug, PRODUCT, system.system_id),
        "edit_devices": (slug, PRODUCT, system.system_id),
        "unit_details": (slug, PRODUCT, unit.pk),
        "retire_unit": (slug, PRODUCT, unit.pk),
        "account": (),
        "create_organization": (),
        "where_to_buy": (),
        "verify": (),
        "contact": (),
        "api_document": (),
    }.items():
        wrong += [f"{name}: {each}" for each in unreached(visitor.open(name, *arguments).page)]
    assert not wrong, "\n".join(wrong)


_NUMBER_THEM = """() => {
    const wanted = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
    // Of a group of radio buttons the one that is chosen is a stop.
    const chosen = each => each.type !== "radio" || each.checked || !document.querySelector(`[name="${each.name}"]:checked`);
    const seen = [...document.querySelectorAll(wanted)].filter(
        each => each.tabIndex >= 0 && !each.disabled && each.checkVisibility({visibilityProperty: true}) && chosen(each));
    seen.forEach((each, number) => each.setAttribute("data-stop", number));
    return seen.map(each => each.outerHTML.slice(0, 140));
}"""


def unreached(page: Page) -> list[str]:
    """What Tab does not reach, or shows no focus; the way round the page is walked once."""
    page.evaluate("() => { document.activeElement.blur(); window.scrollTo(0, 0); }")
    stops = page.evaluate(_NUMBER_THEM)
    reached: set[int] = set()
    wrong = []
    for _time in range(2 * len(stops) + 20):
        page.keyboard.press("Tab")
        number = page.evaluate("document.activeElement.getAttribute('data-stop')")
        if number is None:
            continue
        if int(number) not in reached and (fault := page.evaluate(f"({HOW_FOCUSED})(document.activeElement)")):
            wrong.append(f"{stops[int(number)]} {fault}")
        reached.add(int(number))
        if len(reached) == len(stops):
            break
    return wrong + [f"{stop} is not reached" for number, stop in enumerate(stops) if number not in reached]


@pytest.mark.slow
def test_the_palette_and_the_help_are_accessible(
    licensed: Books,
    visit: Callable[..., Visitor],
    manager_client: Client,
    organization: Organization,
    settings: LazySettings,
) -> None:
    with looking(visit, manager_client) as (visitor, problems):
        page = visitor.page
        for name in ("go", "shortcuts"):
            visitor.open(name)
            problems += problems_of(visitor, name)
        page.goto(f"{visitor.base}{reverse('go')}?q=camera")
        problems += problems_of(visitor, "go_found")
        visitor.open("product_list", organization.slug)
        page.keyboard.press("?")
        expect(page.locator("#shortcuts")).to_be_visible()
        problems += problems_of(visitor, "shortcuts_dialog")
        page.keyboard.press("Escape")
        expect(page.locator("#shortcuts")).not_to_be_visible()
        page.keyboard.press("Control+k")
        page.keyboard.type("camera")
        expect(page.locator("#palette [role=option]").nth(3)).to_be_visible()
        problems += problems_of(visitor, "palette")
        page.locator("#palette-q").fill("zzzz")
        expect(page.locator("#palette")).to_contain_text("Nothing was found.")
        problems += problems_of(visitor, "palette_empty")
