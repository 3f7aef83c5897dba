"""Lighthouse as a process that is asked about one page after the other (audit.mjs)."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


class Lighthouse:
    """A process that answers, begun anew for the next question where it ended; within ``lighthouse()``."""

    def __init__(self, chromium: str) -> None:
        """``chromium`` is the program of the browser."""
        self._chromium = chromium
        self._process: subprocess.Popen[str] | None = None

    def ask(
        self, url: str, categories: Sequence[str], *, cookies: str = "", language: str = "", slow: bool = False
    ) -> Found:
        """What it finds at an address. ``slow`` simulates a phone on a slow net. Raises LighthouseFailed."""
        headers = {"Cookie": cookies, "Accept-Language": language}
        question = {"url": url, "categories": list(categories), "slow": slow}
        question["headers"] = {name: value for name, value in headers.items() if value}
        if self._process is None:
            self._process = self._start()
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None and answers is not None
        try:
            questions.write(json.dumps(question) + "\n")
            questions.flush()
            line = answers.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise LighthouseFailed(f"{url}: its process ended with {self.end()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise LighthouseFailed(f"{url}: {answer['error']}")
        return Found(answer["scores"], answer["failed"])

    def end(self) -> int:
        """End the process, where there is one. Its return code."""
        if self._process is None:
            return 0
        with self._process as process, contextlib.suppress(BrokenPipeError):
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        self._process = None
        return process.returncode

    def _start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["node", "audit.mjs"],
            cwd=FOLDER,
            env={**os.environ, "CHROME_PATH": self._chromium},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


@contextlib.contextmanager
def lighthouse(chromium: str) -> Iterator[Lighthouse]:
    """Within this Lighthouse can be asked, with one browser."""
    asked = Lighthouse(chromium)
    try:
        yield asked
    finally:
        asked.end()
