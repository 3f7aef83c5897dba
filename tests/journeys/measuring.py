"""What a page weighs, whether anything on it moves by itself, and whether it fits: measured in a real browser.

The functions take any page of Playwright's and any address, so that every list of pages can use them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import CDPSession, Page

FIRST_VISIT_BYTES = 90 * 1024
LATER_VISIT_BYTES = 20 * 1024
# 400 % zoom of a window of 1280 px leaves 320 CSS pixels.
NARROWEST = 320
WIDTHS = (NARROWEST, 390, 768, 1280, 1920)
_HEIGHT = 900
# Counts each shift, also one within the half second after a click or key, which the browser's own figure leaves out where
# ``hadRecentInput`` says so.
WATCH_SHIFTS = """
if (!window.lmShifts) { window.lmShifts = [];
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) {
    const moved = entry.sources.map(source => source.node && source.node.nodeType === 1
      ? source.node.tagName.toLowerCase() + "." + source.node.className : "?");
    lmShifts.push({ value: entry.value, excused: entry.hadRecentInput, moved: moved.slice(0, 3) });
  }
}).observe({ type: "layout-shift", buffered: true }); }
"""
WIDER = """
(() => {
  const root = document.documentElement, wide = root.scrollWidth - root.clientWidth;
  if (wide <= 0) return null;
  const at = [...document.querySelectorAll("body *")].filter(e => e.checkVisibility() && !e.closest(".visually-hidden, svg")
    && (e.getBoundingClientRect().right > root.clientWidth + .5 || e.getBoundingClientRect().left < -.5));
  const names = at.slice(-3).map(e => e.tagName.toLowerCase() + "." + (e.getAttribute("class") || ""));
  return wide + " px at " + names.join(", ");
})()
"""

# What cannot be read at once: a number or a head's word in a table that goes on in the next line, a license key that is longer than
# its field. Of a name of a hundred letters nothing is asked, nor of writing without spaces.
CUT_OFF = """
(() => {
  const found = [], range = document.createRange();
  for (const cell of document.querySelectorAll(".table .num, .table thead th")) {
    if (!cell.checkVisibility() || cell.closest(".visually-hidden") || cell.parentElement.parentElement.offsetWidth < 2) continue;
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      if (texts.currentNode.parentElement.closest(".visually-hidden, .sub")) continue;
      for (const word of texts.currentNode.data.matchAll(/[\\p{L}\\p{N}.,]+/gu)) {
        if (word[0].length > 20 || /[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}]/u.test(word[0])) continue;
        range.setStart(texts.currentNode, word.index);
        range.setEnd(texts.currentNode, word.index + word[0].length);
        if (new Set([...range.getClientRects()].map(each => Math.round(each.top))).size > 1) found.push(word[0]);
      }
    }
  }
  for (const field of document.querySelectorAll(".field--key input"))
    if (field.checkVisibility() && field.value.length < 30 && field.scrollWidth > field.clientWidth) found.push(field.value);
  return found.slice(0, 3).join(", ") || null;
})()
"""


@dataclass(frozen=True)
class Weight:
    """The bytes that came over the wire, headers included, and of what."""

    total: int
    parts: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        parts = ", ".join(f"{url.rsplit('/', 1)[-1] or url}: {size}" for url, size in self.parts)
        return f"{self.total} bytes ({parts})"


def measure_weight(page: Page, url: str) -> Weight:
    """What loading ``url`` transfers, with what the page's browser context keeps already; a new context is a first visit."""
    page.goto("about:blank")
    session: CDPSession = page.context.new_cdp_session(page)
    names: dict[str, str] = {}
    sizes: dict[str, int] = {}
    session.on("Network.responseReceived", lambda event: names.update({event["requestId"]: event["response"]["url"]}))
    session.on(
        "Network.loadingFinished", lambda event: sizes.update({event["requestId"]: int(event["encodedDataLength"])})
    )
    session.send("Network.enable")
    page.goto(url, wait_until="networkidle")
    session.detach()
    parts = tuple((names.get(request, "?"), size) for request, size in sizes.items() if size)
    return Weight(sum(size for _, size in parts), parts)


def layout_shift(page: Page, url: str, act: Callable[[Page], Any] | None = None) -> list[dict[str, Any]]:
    """The shifts that nobody caused while ``url`` loads and, with ``act``, while something is done on it; none is right."""
    page.add_init_script(WATCH_SHIFTS)
    page.goto(url, wait_until="networkidle")
    if act is not None:
        act(page)
        page.wait_for_load_state("networkidle")
    return shifts_seen(page)


def shifts_seen(page: Page) -> list[dict[str, Any]]:
    """The shifts that nobody caused on the page that is open, which was loaded with ``WATCH_SHIFTS``."""
    # An observer is told after the frame in which the shift was.
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shifts: list[dict[str, Any]] = page.evaluate("lmShifts")
    return [shift for shift in shifts if not shift["excused"]]


def overflows(page: Page, url: str, widths: Iterable[int] = WIDTHS) -> list[str]:
    """Where the page is wider than the window: at each width, and with text of twice the size on a desk (WCAG 1.4.4, 1.4.10)."""
    page.goto(url, wait_until="networkidle")
    found = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": _HEIGHT})
        if wider := page.evaluate(WIDER):
            found.append(f"at {width} px: {wider}")
    page.set_viewport_size({"width": 1280, "height": _HEIGHT})
    if wider := wider_with_large_text(page):
        found.append(f"with text of twice the size: {wider}")
    return found


def wider_with_large_text(page: Page) -> str | None:
    """By what the open page is wider than its window when its text has twice the size; None where it fits."""
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    wider: str | None = page.evaluate(WIDER)
    page.evaluate("document.documentElement.style.fontSize = ''")
    return wider
