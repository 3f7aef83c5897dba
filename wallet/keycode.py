"""The code a license key is written in: how one is made, read and refused.

A key is 25 symbols in five groups of five, in Crockford's base 32:

* one symbol for the version of the code and the kind of key,
* twenty random symbols, which are 100 bits,
* four check symbols.

The check symbols make the key a word of a Reed-Solomon code over GF(32), of
length 25 (shortened from 31) and distance 5. Up to four wrong symbols are
always noticed, and so is every swap of two neighbours. Because two keys differ
in at least five symbols, no text lies within two symbols of two keys: where
one wrong symbol or one swap of neighbours explains a mistyped key, it is the
only such explanation.

Rule R21: case, spaces, hyphens and look-alikes do not matter in a typed key
(O reads as 0; I and L read as 1). Everything else is refused.

This module knows nothing of the database, of time or of the web. It says
whether a text is written like a key, never whether such a key was issued.
"""

import enum
import functools
import secrets
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: the symbol at index n stands for the value n."""

GROUP_SIZE: Final = 5
KEY_LENGTH: Final = 25
RANDOM_LENGTH: Final = 20
CHECK_LENGTH: Final = 4
MAX_TEXT_LENGTH: Final = 200
"""Longer texts are refused before they are looked at."""

VERSION: Final = 1
"""The version of the code that `generate` writes, and the only one known."""


class Kind(enum.StrEnum):
    """What a key gives to the one who redeems it."""

    SUBSCRIPTION = "subscription"
    HARDWARE = "hardware"


class Reason(enum.StrEnum):
    """Why a text is not a key: the machine code of a `MalformedKey`."""

    EMPTY = "empty"
    LENGTH = "length"
    SYMBOL = "symbol"
    CHECKSUM = "checksum"
    VERSION = "version"


class Repair(enum.StrEnum):
    """Which single slip would explain a key whose check symbols are wrong."""

    SUBSTITUTION = "substitution"
    SWAP = "swap"


class MalformedKey(ValueError):
    """A text is not written like a license key.

    The message is the reason alone: neither the text nor the suggestion is in
    it, since either may be a working key and messages end up in logs.

    Attributes:
        reason: why the text is refused.
        length: for LENGTH, how many symbols were found (separators aside), or
            the number of characters if the text was too long to be looked at.
        position: for SYMBOL, which symbol is the first bad one, counted from 1
            without the separators.
        suggestion: for CHECKSUM, the one key that a single slip turns into the
            text, as `generate` formats it; None where there is no such key. It
            is a hint at where to look, and is never to be redeemed by itself.
        suggestion_position: the symbol, counted from 1, where the suggestion
            differs from the text; the first of the two for a swap.
        suggestion_repair: which slip the suggestion supposes.
        suggestion_group: the group, counted from 1, of `suggestion_position`.
    """

    def __init__(
        self,
        reason: Reason,
        suggestion_group: int | None = None,
        *,
        length: int | None = None,
        position: int | None = None,
        suggestion: str | None = None,
        suggestion_position: int | None = None,
        suggestion_repair: Repair | None = None,
    ) -> None:
        """Keep what was found; see the attributes."""
        super().__init__(reason)
        self.reason = reason
        self.length = length
        self.position = position
        self.suggestion = suggestion
        self.suggestion_position = suggestion_position
        self.suggestion_repair = suggestion_repair
        self.suggestion_group = suggestion_group


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """A text that is written like a key, in its one canonical form.

    The symbols are kept out of the representation, as a key is a secret.
    """

    symbols: str = field(repr=False)
    kind: Kind

    @property
    def tail(self) -> str:
        """The last five symbols: enough to tell keys apart on a screen."""
        return self.symbols[-GROUP_SIZE:]

    @property
    def formatted(self) -> str:
        """The key in five groups of five joined by hyphens."""
        return _formatted(self.symbols)


# Arithmetic in GF(32) with x^5 + x^2 + 1, by powers of its primitive element 2.


def _powers() -> tuple[int, ...]:
    """Return the 31 powers of the primitive element, from the zeroth."""
    powers = [1]
    while len(powers) < 31:
        doubled = powers[-1] << 1
        powers.append(doubled ^ 0b100101 if doubled & 0b100000 else doubled)
    return tuple(powers)


_EXP: Final = _powers()
_LOG: Final = {value: exponent for exponent, value in enumerate(_EXP)}


def _times_power(value: int, exponent: int) -> int:
    """Return `value` times the primitive element to the power of `exponent`."""
    return _EXP[(_LOG[value] + exponent) % 31] if value else 0


def _generator() -> tuple[int, ...]:
    """Return the polynomial with roots 2^1 to 2^4, highest coefficient first."""
    polynomial = [1]
    for root in range(1, CHECK_LENGTH + 1):
        shifted = [*polynomial, 0]
        scaled = [0, *(_times_power(value, root) for value in polynomial)]
        polynomial = [a ^ b for a, b in zip(shifted, scaled, strict=True)]
    return tuple(polynomial)


_GENERATOR: Final = _generator()


def _check_values(data: Sequence[int]) -> list[int]:
    """Return the four values that complete `data` to a word of the code."""
    rest = [0] * CHECK_LENGTH
    for value in data:
        factor = value ^ rest[0]
        rest = [*rest[1:], 0]
        if factor:
            for index in range(CHECK_LENGTH):
                rest[index] ^= _times_power(_GENERATOR[index + 1], _LOG[factor])
    return rest


def _syndromes(values: Sequence[int]) -> tuple[int, ...]:
    """Return the word's values at the roots: all zero for a word of the code."""
    found = []
    for root in range(1, CHECK_LENGTH + 1):
        total = 0
        for value in values:
            total = _times_power(total, root) ^ value
        found.append(total)
    return tuple(found)


@functools.cache
def _error_syndromes(error: int, index: int) -> tuple[int, ...]:
    """Return the syndromes of a word that is `error` at `index` and 0 elsewhere."""
    degree = KEY_LENGTH - 1 - index
    return tuple(_times_power(error, root * degree) for root in range(1, CHECK_LENGTH + 1))


# What the first symbol says: three bits of version, two bits of kind.

_FIRST_VALUES: Final = {
    Kind.SUBSCRIPTION: VERSION << 2 | 0,
    Kind.HARDWARE: VERSION << 2 | 1,
}
_KINDS: Final = {value: kind for kind, value in _FIRST_VALUES.items()}


# How a typed character reads (rule R21). Only ASCII letters have a case here:
# str.upper() would also turn a long s or a dotless i into a symbol.

_SYMBOL_VALUES: Final = {
    character: value for value, symbol in enumerate(ALPHABET) for character in (symbol, symbol.lower())
} | {"O": 0, "o": 0, "I": 1, "i": 1, "L": 1, "l": 1}
_OTHER_HYPHENS: Final = frozenset("\u00ad\u2212")
"""The soft hyphen and the minus sign, which Unicode does not file as dashes."""


def _is_separator(character: str) -> bool:
    """Tell whether a character is a space or a hyphen of any script (rule R21)."""
    return character in _OTHER_HYPHENS or unicodedata.category(character) in {"Zs", "Pd"}


def _text(values: Sequence[int]) -> str:
    return "".join(ALPHABET[value] for value in values)


def _formatted(symbols: str) -> str:
    return "-".join(symbols[start : start + GROUP_SIZE] for start in range(0, KEY_LENGTH, GROUP_SIZE))


def generate(kind: Kind | str, *, random: Callable[[int], int] = secrets.randbelow) -> str:
    """Return a new key of this kind, in five groups of five joined by hyphens.

    `random(n)` returns a number from 0 to n - 1; it is called once for each of
    the twenty random symbols. The key is not recorded anywhere.

    Raises:
        ValueError: `kind` is not a kind of key.
    """
    data = [_FIRST_VALUES[Kind(kind)]]
    data += [random(len(ALPHABET)) for _ in range(RANDOM_LENGTH)]
    return _formatted(_text(data + _check_values(data)))


def parse(text: str) -> ParsedKey:
    """Read a typed key, forgiving what rule R21 forgives.

    Case, spaces, hyphens (those of Unicode too) and look-alikes do not matter.
    Whether the key was ever issued is not known here.

    Raises:
        MalformedKey: the text is not written like a key. A bad symbol is
            reported before a wrong length, a wrong length before wrong check
            symbols, and these before an unknown version or kind.
    """
    values = _read(text)
    syndromes = _syndromes(values)
    if any(syndromes):
        raise _checksum_refusal(values, syndromes)
    kind = _KINDS.get(values[0])
    if kind is None:
        raise MalformedKey(Reason.VERSION)
    return ParsedKey(symbols=_text(values), kind=kind)


def _read(text: str) -> list[int]:
    """Return the 25 values of a typed key, whatever its check symbols (rule R21).

    Raises:
        MalformedKey: EMPTY, SYMBOL or LENGTH.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise MalformedKey(Reason.LENGTH, length=len(text))
    values: list[int] = []
    for character in text:
        value = _SYMBOL_VALUES.get(character)
        if value is not None:
            values.append(value)
        elif not _is_separator(character):
            raise MalformedKey(Reason.SYMBOL, position=len(values) + 1)
    if not values:
        raise MalformedKey(Reason.EMPTY)
    if len(values) != KEY_LENGTH:
        raise MalformedKey(Reason.LENGTH, length=len(values))
    return values


def _checksum_refusal(values: Sequence[int], syndromes: tuple[int, ...]) -> MalformedKey:
    """Return the refusal of a word that is not in the code, with its suggestion.

    There is a suggestion only if exactly one single slip explains the word and
    what it leads to has a known version and kind.
    """
    repairs = _single_repairs(values, syndromes)
    if len(repairs) != 1:
        return MalformedKey(Reason.CHECKSUM)
    repair, index, repaired = repairs[0]
    if repaired[0] not in _KINDS:
        return MalformedKey(Reason.CHECKSUM)
    return MalformedKey(
        Reason.CHECKSUM,
        index // GROUP_SIZE + 1,
        suggestion=_formatted(_text(repaired)),
        suggestion_position=index + 1,
        suggestion_repair=repair,
    )


def _single_repairs(values: Sequence[int], syndromes: tuple[int, ...]) -> list[tuple[Repair, int, list[int]]]:
    """Return every single slip that turns a word of the code into this word.

    Each comes with its first index and the word of the code. A slip explains
    the word exactly if its own syndromes are the word's.
    """
    repairs: list[tuple[Repair, int, list[int]]] = []
    for index in range(KEY_LENGTH):
        for error in range(1, len(ALPHABET)):
            if _error_syndromes(error, index) == syndromes:
                repaired = list(values)
                repaired[index] ^= error
                repairs.append((Repair.SUBSTITUTION, index, repaired))
    for index in range(KEY_LENGTH - 1):
        error = values[index] ^ values[index + 1]
        left, right = _error_syndromes(error, index), _error_syndromes(error, index + 1)
        if tuple(a ^ b for a, b in zip(left, right, strict=True)) == syndromes:
            repaired = list(values)
            repaired[index], repaired[index + 1] = repaired[index + 1], repaired[index]
            repairs.append((Repair.SWAP, index, repaired))
    return repairs
