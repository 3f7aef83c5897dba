"""Lighthouse as a process that is asked about one page after the other (audit.mjs)."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

FOLDER = Path(__file__).parent
IS_THERE = (FOLDER / "node_modules").is_dir() and shutil.which("node") is not None
# First the one without windows and menus of its own: it costs less.
_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _BROWSERS)), None)
NO_LIGHTHOUSE = "Lighthouse is not installed, so it was not asked; “make lighthouse” installs it."


class LighthouseFailed(Exception):
    """Lighthouse could not load a page, or not say anything of it."""


@dataclass(frozen=True)
class Found:
    """Points of 100 per category, and what costs some."""

    scores: dict[str, int]
    failed: list[str]


@dataclass(frozen=True)
class Lighthouse:
    """A process that answers; made by ``lighthouse()``."""

    questions: IO[str]
    answers: IO[str]

    def ask(
        self, url: str, categories: Sequence[str], *, cookies: str = "", language: str = "", slow: bool = False
    ) -> Found:
        """What it finds at an address. ``slow`` simulates a phone on a slow net. Raises LighthouseFailed."""
        headers = {"Cookie": cookies, "Accept-Language": language}
        question = {"url": url, "categories": list(categories), "slow": slow}
        question["headers"] = {name: value for name, value in headers.items() if value}
        self.questions.write(json.dumps(question) + "\n")
        self.questions.flush()
        line = self.answers.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "it ended"}
        if "error" in answer:
            raise LighthouseFailed(f"{url}: {answer['error']}")
        return Found(answer["scores"], answer["failed"])


@contextlib.contextmanager
def lighthouse(chromium: str) -> Iterator[Lighthouse]:
    """Within this Lighthouse runs, with one browser."""
    with subprocess.Popen(
        ["node", "audit.mjs"],
        cwd=FOLDER,
        env={**os.environ, "CHROME_PATH": chromium},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        yield Lighthouse(process.stdin, process.stdout)
        process.stdin.close()
        process.wait(30)
