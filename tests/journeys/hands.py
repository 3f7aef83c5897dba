"""The three hands by which each task of the source is done: the mouse, the keyboard alone, and a browser without JavaScript.

A task is described once, by what is pressed, filled in and chosen; the hand knows how. A hand counts the steps, as the source
does: fields that are filled in one after the other are one step, and so is what stands under “Follow the on screen instructions”.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

HANDS = ("mouse", "keyboard", "no JavaScript")
# Beyond that many times of Tab nobody looks for a link any more.
MOST_TABS = 120

# What is wrong with how the focus is shown: nobody sees it, or the element lies behind what is fixed (WCAG 2.4.7, 2.4.11).
HOW_FOCUSED = """element => {
    const style = getComputedStyle(element);
    if (style.outlineStyle === "none" && style.boxShadow === "none") return "shows no focus";
    const box = element.getBoundingClientRect();
    if (!box.width && !box.height) return "";
    const x = Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 1), y = box.top + box.height / 2;
    if (y < 0 || y > innerHeight) return "has the focus outside of what is seen";
    const there = document.elementFromPoint(x, y);
    return there && (element.contains(there) || there.contains(element)) ? "" : "has the focus behind something";
}"""


class Hand:
    """A hand that clicks and types, with a mouse; without JavaScript it does the same."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.steps: list[str] = []
        self._follows = False

    def _step(self, what: str) -> None:
        if self._follows or (what == "fill in" and self.steps and self.steps[-1] == what):
            return
        self.steps.append(what)

    @contextmanager
    def one_step(self, what: str) -> Iterator[None]:
        """What the source names in one line, such as “Follow the on screen instructions”."""
        self._step(what)
        self._follows = True
        yield
        self._follows = False

    def took_at_most(self, steps: int) -> None:
        """The task took no more steps than the source's own list."""
        assert len(self.steps) <= steps, f"{len(self.steps)} steps, the source has {steps}: {self.steps}"

    def press(self, target: Locator) -> None:
        """Press a link, a button, or what opens a menu."""
        self._step("press")
        self._press(target)

    def fill(self, target: Locator, text: str) -> None:
        """Type into a field, over what stands there."""
        self._step("fill in")
        self._fill(target, text)

    def select(self, target: Locator, label: str) -> None:
        """Choose an option by its words."""
        self._step("fill in")
        self._select(target, label)

    def give(self, target: Locator, path: Path) -> None:
        """Choose a file."""
        self._step("fill in")
        self._give(target, path)

    def _press(self, target: Locator) -> None:
        target.click()

    def _fill(self, target: Locator, text: str) -> None:
        target.fill(text)

    def _select(self, target: Locator, label: str) -> None:
        target.select_option(label=label)

    def _give(self, target: Locator, path: Path) -> None:
        target.set_input_files(path)


class Keyboard(Hand):
    """A hand that has nothing but the keyboard: Tab to it, then Enter, or letters."""

    def tab_to(self, target: Locator) -> None:
        """Press Tab until the element has the focus, where it has to be seen. Locators find it by role and accessible name."""
        expect(target).to_be_visible()
        for _time in range(MOST_TABS):
            if target.evaluate("element => element === document.activeElement"):
                assert not (wrong := target.evaluate(HOW_FOCUSED)), f"{target}: {wrong}"
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} is not reached by {MOST_TABS} times of Tab")

    def _press(self, target: Locator) -> None:
        self.tab_to(target)
        self.page.keyboard.press("Enter")

    def _fill(self, target: Locator, text: str) -> None:
        self.tab_to(target)
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.type(text)

    def _select(self, target: Locator, label: str) -> None:
        self.tab_to(target)
        # Letters that come quickly choose the option that begins so.
        self.page.keyboard.type(label, delay=5)
        expect(target.locator("option:checked")).to_have_text(label)

    def _give(self, target: Locator, path: Path) -> None:
        # The way there is part of it: the browser has to know that a chooser is waited for before one opens.
        with self.page.expect_file_chooser() as chooser:
            self.tab_to(target)
            self.page.keyboard.press("Enter")
        chooser.value.set_files(path)


def hand_of(name: str, page: Page) -> Hand:
    """The hand of that name."""
    return Keyboard(page) if name == "keyboard" else Hand(page)
