"""A browser before the stage: what is wrong with a page, theme by theme and width by width, and pictures of it."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import axe_playwright_python
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, expect

from tests.gallery.stage import EMPTY, Stage, session_of
from tests.gallery.states import PageState
from tests.journeys.measuring import CUT_OFF, NARROWEST, WATCH_SHIFTS, WIDER, shifts_seen, wider_with_large_text
from tests.lighthouse.asking import FOLDER

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
WIDTHS = (1280, 390)
HEIGHT = 900
# In which languages they are looked at: all, unless the run says otherwise.
LANGUAGES = os.environ.get("GALLERY_LANGUAGES", " ".join(code for code, _name in settings.LANGUAGES)).split()
# The axe that comes with Lighthouse is newer, and takes two thirds of the time.
_AXES = (FOLDER / "node_modules/axe-core/axe.min.js", Path(axe_playwright_python.__file__).parent / "axe.min.js")
AXE = next(path for path in _AXES if path.exists()).read_text(encoding="utf-8")
# WCAG 2.2 A and AA, and what is good practice beyond; targets of 24 px are a rule that axe does not ask unless told to.
OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
    # What it would fetch the stylesheets anew for is no rule of these.
    "preload": False,
    # What stands in a frame is a page of its own here.
    "iframes": False,
}
_MOVING = ".htmx-request, .htmx-swapping, .htmx-settling"
# States in which something is open above the page, and covers what is whole again when it is closed.
OPEN = frozenset(
    (
        *(f"{page}-{menu}" for page in ("product-list", "system-setup") for menu in ("columns", "views", "files")),
        *(
            "product-list-menu-of-the-account",
            "product-list-menu-of-organizations",
            "product-wallet-columns",
            "members-views",
        ),
        *("product-overview-number-explained", "product-overview-term-explained", "where-to-buy-suggestions"),
    )
)
# What is not held against a page: whose pages (how their names begin), which rule, at what, and why.
EXCUSED = (
    (
        "styleguide-example",
        "landmark-unique",
        "",
        "a component stands there many times, each time as on a page of its own",
    ),
    ("styleguide-example-language-form", "valid-lang at ", "", "its sample has the pseudo-language, which is none"),
    (
        "styleguide-example-language-form-dark",
        "moves by itself",
        "",
        "its sample, from right to left, has a language from left to right chosen, which no page has: the browser turns it about",
    ),
    (
        "admin-",
        "empty-table-header at ",
        ".original",
        "Django's tables of what belongs to a row have a column without a head",
    ),
    ("admin-", "label-title-only at ", "#searchbar", "Django's search is named by a picture"),
    (
        "admin-",
        "scrollable-region-focusable at ",
        "-group",
        "Django's tables of rows to be looked at scroll; browsers reach them",
    ),
    ("admin-", "moves by itself", "", "Django's scripts make its forms when they are shown already"),
)
# What axe asks of colours. All its other rules are asked for by what ``_FINGERPRINT`` holds: elements and their attributes, what
# of them is shown, where and above what. A theme changes none of that, so a width's second theme is asked about colours alone;
# where it does change any of it, all rules are asked anew.
OF_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
_FINGERPRINT = """() => {
  // Which theme it is, is written at the root; no rule reads that.
  const root = [...document.documentElement.attributes].filter(each => each.name !== "data-theme" && each.value);
  const parts = [...root.map(each => each.name + each.value), document.head.outerHTML, document.body.outerHTML];
  for (const each of document.querySelectorAll("*")) {
    const box = each.getBoundingClientRect(), style = getComputedStyle(each);
    parts.push([box.x, box.y, box.width, box.height, style.display, style.visibility, style.opacity, style.position,
      style.zIndex, style.overflow, style.pointerEvents, style.clipPath, style.fontSize, style.fontWeight].join());
    for (const pseudo of ["::before", "::after"]) parts.push(getComputedStyle(each, pseudo).content);
  }
  return parts.join("\\n");
}"""
# Colours that are on their way to the other theme have a contrast of their own: first all that moves comes to its end.
LOOK = """async ([options, ofColours, theme, isSecond]) => {
  const root = document.documentElement;
  const frame = () => new Promise(done => requestAnimationFrame(done));
  const shown = () => root.dataset.theme === "auto" ? "" : root.dataset.theme || "";
  for (let tries = 0; tries < 200 && shown() && shown() !== theme; tries++) await frame();
  await frame();
  for (let tries = 0; tries < 50 && document.getAnimations().length; tries++) {
    await Promise.allSettled(document.getAnimations().map(each => each.finished));
    await frame();
  }
  const print = (FINGERPRINT)();
  const isSame = isSecond && print === window.lmFingerprint;
  window.lmFingerprint = print;
  const found = await axe.run(document, isSame ? { ...options, runOnly: ofColours, rules: {} } : options);
  return {
    theme: shown(),
    rules: isSame ? "of colours" : "all",
    violations: found.violations.map(each =>
      `${each.id} at ${each.nodes.slice(0, 4).map(node => node.target.join(" ")).join(", ")}: `
      + `${each.nodes[0].failureSummary.replace(/\\s+/g, " ").slice(0, 300)}`)
  };
}""".replace("FINGERPRINT", _FINGERPRINT)


def _is_answer_to(answer: Response, text: str) -> bool:
    """Whether it came for all that was typed."""
    return answer.request.headers.get("hx-request") == "true" and text in answer.url


def _is_excused(state: PageState, problem: str) -> bool:
    if state.name in OPEN and problem.startswith("target-size at "):
        return True
    return any(
        state.name.startswith(page) and problem.startswith(rule) and at in problem
        for page, rule, at, _reason in EXCUSED
    )


def themes_of(state: PageState) -> tuple[Theme, ...]:
    """The themes in which there is something to be seen."""
    return tuple(theme for theme in THEMES if state.theme in ("", theme))


@dataclass
class Looker:
    """One tab of a browser, kept for many pages. ``complaints`` is what the browser said of the page that is open."""

    stage: Stage
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    # In how many looks all rules were asked, and in how many those of colours alone.
    looks: Counter[str] = field(default_factory=Counter)

    @classmethod
    def arrive(cls, browser: Browser, stage: Stage) -> "Looker":
        """Open the tab."""
        context = browser.new_context(reduced_motion="reduce")
        context.set_default_timeout(15_000)
        looker = cls(stage, context, context.new_page())
        looker.page.add_init_script(WATCH_SHIFTS)
        # Sent to the browser once, and compiled once as long as the tab's process lives.
        looker.page.add_init_script(AXE)
        looker.page.on("console", looker._hear)
        looker.page.on("pageerror", lambda error: looker.complaints.append(str(error)))
        looker.page.on("request", looker._note)
        looker.page.on("response", looker._see)
        return looker

    def _hear(self, message: ConsoleMessage) -> None:
        # The browser notes each answer of 4xx or 5xx, too: where that is not what the state is, it is told of below.
        is_status = "the server responded with a status of" in message.text
        if (message.type == "error" and not is_status) or "Content Security Policy" in message.text:
            self.complaints.append(message.text)

    def _see(self, response: Response) -> None:
        is_meant = response.request.is_navigation_request() or response.ok or 300 <= response.status < 400
        if not is_meant:
            self.complaints.append(f"{response.status} at {response.url}")

    def _note(self, request: Request) -> None:
        # The browser finds no other host (conftest.py). It is not asked to wait for leave: that would cost it its cache.
        if not request.url.startswith((self.stage.address, "data:", "blob:")):
            self.complaints.append(f"asks for {request.url}")

    def look_at(self, state: PageState, language: str, each: Callable[[Theme, int], Any]) -> Iterator[Any]:
        """Open a state once, and do something with it in each theme and width."""
        self.complaints.clear()
        with self.stage.show(state, language) as visit:
            self.context.clear_cookies()
            cookies = {settings.SESSION_COOKIE_NAME: session_of(visit), settings.LANGUAGE_COOKIE_NAME: language}
            self.context.add_cookies(
                [{"name": name, "value": value, "url": self.stage.address} for name, value in cookies.items() if value]
            )
            self.context.set_extra_http_headers({"Accept-Language": language})
            self.page.emulate_media(color_scheme=themes_of(state)[0], reduced_motion="reduce")
            self.page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
            answer = self.page.goto(self.stage.address + visit.path)
            assert answer is not None and answer.status == state.status
            for click in state.clicks:
                self._do(click)
            for width in WIDTHS:
                self.page.set_viewport_size({"width": width, "height": HEIGHT})
                for theme in themes_of(state):
                    self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                    yield each(theme, width)
            # So that nothing of it asks for anything when it is gone. A page of the same site keeps the tab's process.
            self.page.goto(self.stage.address + EMPTY)

    def _do(self, click: str) -> None:
        if click.startswith("@"):
            self.page.keyboard.press(click.removeprefix("@"))
            return
        selector, is_typed, text = click.partition("=")
        if not is_typed:
            self.page.locator(selector).first.click()
        else:
            with self.page.expect_response(lambda answer: _is_answer_to(answer, text)):
                self.page.locator(selector).press_sequentially(text)
        expect(self.page.locator(_MOVING)).to_have_count(0)

    def problems_of(self, state: PageState, language: str) -> list[str]:
        """What is wrong with a state: violations of axe, a page wider than its window, complaints of the browser."""
        problems: list[str] = []

        def look(theme: str, width: int) -> None:
            is_second = theme != themes_of(state)[0]
            found = self.page.evaluate(LOOK, [OPTIONS, OF_COLOURS, theme, is_second])
            self.looks[found["rules"]] += 1
            where = f"{state.name}, {language}, {theme}, {width} px"
            problems.extend(f"{where}: {each}" for each in found["violations"] if not _is_excused(state, each))
            misfits = self._misfits(themes_of(state), theme, width)
            problems.extend(f"{where}: {other}" for other in misfits if not _is_excused(state, other))
            if found["theme"] not in ("", theme):
                problems.append(f"{where}: shows the theme {found['theme']}")

        for _look in self.look_at(state, language, look):
            pass
        return problems + [f"{state.name}, {language}: {complaint}" for complaint in dict.fromkeys(self.complaints)]

    def _misfits(self, themes: tuple[Theme, ...], theme: str, width: int) -> Iterator[str]:
        """What moves by itself, is cut off, or is wider than its window, also at 320 px (400 % zoom) and with large text."""
        if (theme, width) == (themes[0], WIDTHS[0]):
            yield from (f"moves by itself: {shift}" for shift in shifts_seen(self.page))
            if wider := wider_with_large_text(self.page):
                yield f"with text of twice the size wider: {wider}"
        if wider := self.page.evaluate(WIDER):
            yield f"wider than its window: {wider}"
        if theme == themes[0] and (cut := self.page.evaluate(CUT_OFF)):
            yield f"cuts off {cut}"
        if (theme, width) == (themes[-1], WIDTHS[-1]):
            self.page.set_viewport_size({"width": NARROWEST, "height": HEIGHT})
            if wider := self.page.evaluate(WIDER):
                yield f"wider than {NARROWEST} px: {wider}"

    def take_pictures(self, state: PageState, language: str, folder: Path) -> list[str]:
        """A picture of the state in each theme and width; returns the names of the files."""

        def take(theme: str, width: int) -> str:
            name = re.sub(r"[^a-z0-9-]", "-", f"{state.name}-{width}-{theme}") + ".png"
            self.page.screenshot(path=folder / name, full_page=True)
            return name

        return list(self.look_at(state, language, take))
