"""Readers of the commands' arguments; each fails with a sentence."""

import os
import uuid
from argparse import ArgumentTypeError
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import BinaryIO

from django.core.management.base import CommandError

from licensemgr.core.calendar import LAST_DATE
from organizations.models import Organization
from products.models import Product


def iso_date(text: str) -> date:
    """A date written as 2027-03-01."""
    try:
        read = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        read = None
    if read is None or not date(1990, 1, 1) <= read <= LAST_DATE:
        raise ArgumentTypeError(f"“{text}” is no date: write it as 2027-03-01, from 1990-01-01 to {LAST_DATE}")
    return read


def path(text: str) -> Path:
    """A file or a folder. Bytes that are no UTF-8 come as half characters, which neither a database nor a terminal takes."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        shown = text.encode(errors="backslashreplace").decode()
        raise ArgumentTypeError(f"“{shown}” is no name in UTF-8. Nothing was changed; rename it first") from error
    return Path(text)


def system_uuid(text: str) -> uuid.UUID:
    """A system id."""
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise ArgumentTypeError(f"“{text}” is no system id: write a UUID") from error


def quantity(text: str) -> tuple[str, int]:
    """A quantity of a license type, written as TYPE=N."""
    code, separator, number = text.partition("=")
    if not separator or not code or not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise ArgumentTypeError(f"“{text}” is no quantity: write TYPE=N, N a whole number, as in core-device=10")
    return code, int(number)


def quantities(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Quantities per license type. Raises CommandError when a type is named twice."""
    found: dict[str, int] = {}
    for code, number in pairs:
        if code in found:
            raise CommandError(f"The license type “{code}” is named twice. Nothing was changed.")
        found[code] = number
    return found


def product(code: str) -> Product:
    """The product of that code. Raises CommandError when there is none."""
    found = Product.objects.filter(code=code).first()
    if found is None:
        known = ", ".join(Product.objects.order_by("code").values_list("code", flat=True)) or "none"
        raise CommandError(f"There is no product “{code}”. Nothing was changed; the catalogue has: {known}.")
    return found


def organization(slug: str) -> Organization:
    """The organization of that slug. Raises CommandError when there is none."""
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no organization “{slug}”. Nothing was changed.")
    return found


def new_file(target: Path) -> BinaryIO:
    """A file that was not there, readable by this user alone. Raises CommandError."""
    try:
        # Made here and now, for this user alone, or not at all.
        return os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
    except FileExistsError as error:
        raise CommandError(f"{target} exists already. Nothing was written; choose another name.") from error
    except OSError as error:
        raise CommandError(f"{target} can't be written: {error.strerror}. Nothing was written.") from error
