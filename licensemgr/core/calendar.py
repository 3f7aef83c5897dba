"""Calendar arithmetic of the rules: pure functions on dates, no clock (R4)."""

from datetime import date, timedelta

# The last date that the books can hold. Six years stay free above it, so that every offered year has dates.
LAST_DATE = date(9990, 12, 31)


def anniversary(anchor: date, years: int) -> date:
    """The date ``years`` calendar years after ``anchor``; 29 February falls back to the 28th in a common year (R4)."""
    try:
        return anchor.replace(year=anchor.year + years)
    except ValueError:
        # Only 29 February has no counterpart. Counted from the anchor, so a later leap year has the 29th again.
        return anchor.replace(year=anchor.year + years, day=28)


def years_since(anchor: date, on: date) -> int:
    """How many whole years of R4's calendar have begun on ``on``: n for a date in year n. Negative before the anchor."""
    years = on.year - anchor.year
    return years if anniversary(anchor, years) <= on else years - 1


def days(count: int) -> timedelta:
    """A span of whole days."""
    return timedelta(days=count)
