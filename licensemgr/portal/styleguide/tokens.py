"""Tokens of the stylesheet and the symbols of the icons, read from the files themselves, and the contrast of colours."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders

# (what is written or drawn, on what, the least contrast by WCAG 2.2: 4.5 for text, 3 for edges and signs)
PAIRS: Sequence[tuple[str, str, float]] = (
    *((text, on, 4.5) for text in ("text", "text-2", "accent") for on in ("page", "surface", "surface-2")),
    *((name, f"{name}-bg", 4.5) for name in ("ok", "warn", "bad", "info", "calm", "chip")),
    *(("text", f"{name}-bg", 4.5) for name in ("ok", "warn", "bad", "info", "calm", "chip")),
    *((name, "surface", 4.5) for name in ("ok", "warn", "bad", "info", "calm", "chip")),
    *((f"{name}-solid", "surface", 3) for name in ("ok", "warn", "bad", "info", "calm")),
    *(("on-fill", name, 4.5) for name in ("accent-fill", "accent-fill-hover", "danger-fill", "danger-fill-hover")),
    ("text", "field", 4.5),
    ("line-strong", "field", 3),
    ("line-strong", "surface", 3),
    ("ring", "page", 3),
    ("ring", "surface", 3),
)


@dataclass(frozen=True)
class Colour:
    """A colour token, as it is in light and in dark."""

    name: str
    light: str
    dark: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.light, self.dark


@dataclass(frozen=True)
class Contrast:
    """How well one colour is seen on another, in light and in dark; ``least`` is what it has to be."""

    colour: str
    on: str
    light: float
    dark: float
    least: float

    @property
    def is_enough(self) -> bool:
        return min(self.light, self.dark) >= self.least


@dataclass(frozen=True)
class Measure:
    """A token of type, space or corners: its name, its value, and in pixels where it is a length."""

    name: str
    value: str

    @property
    def pixels(self) -> float:
        return float(self.value.removesuffix("rem")) * 16 if self.value.endswith("rem") else 0.0


def _text_of(path: str) -> str:
    found = finders.find(path)
    return Path(found).read_text(encoding="utf-8") if isinstance(found, str) else ""


@cache
def _tokens() -> tuple[tuple[str, str], ...]:
    """Names and values of the custom properties in the stylesheet's section “tokens”."""
    section = _text_of("css/app.css").split("/* ---------- base ---------- */")[0]
    return tuple(re.findall(r"--([a-z0-9-]+):\s*([^;]+);", section.split("@media")[0]))


def colours() -> list[Colour]:
    """Every colour token that is written as a pair of hexadecimal colours."""
    pair = re.compile(r"light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
    return [Colour(name, *found.groups()) for name, value in _tokens() if (found := pair.fullmatch(value))]


def contrasts() -> list[Contrast]:
    """The contrast of each pair that occurs on pages (WCAG 2.2, 1.4.3 and 1.4.11)."""
    by_name = {colour.name: colour for colour in colours()}
    return [
        Contrast(
            colour,
            on,
            ratio(by_name[colour].light, by_name[on].light),
            ratio(by_name[colour].dark, by_name[on].dark),
            least,
        )
        for colour, on, least in PAIRS
    ]


def measures(prefix: str) -> list[Measure]:
    """The tokens whose names begin with the prefix, such as ``space``, in the order of the stylesheet."""
    return [Measure(name, value) for name, value in _tokens() if name == prefix or name.startswith(f"{prefix}-")]


@cache
def icons() -> tuple[str, ...]:
    """The names of the symbols in img/icons.svg."""
    return tuple(re.findall(r'<symbol[^>]*\bid="([^"]+)"', _text_of("img/icons.svg")))


def ratio(one: str, other: str) -> float:
    """The contrast of two colours ``#rrggbb``, from 1 to 21, rounded down to two decimals."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return int((lighter + 0.05) / (darker + 0.05) * 100) / 100


def _luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
