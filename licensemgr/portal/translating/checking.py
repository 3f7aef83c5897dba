"""What a translation must have in common with its English text, so that no page breaks and nothing is lost."""

import re
from collections import Counter
from collections.abc import Sequence

# %(name)s and %d of gettext; {name} of texts that scripts and str.format fill in.
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[ds]|\{\w*\}")
# A percent sign that would be taken for the beginning of a placeholder.
_LONE_PERCENT = re.compile(r"%(?!\(\w+\)[a-z]|[ds])")
# How many of a language's plural forms stand for one number each: Arabic's for zero, one and two; French's first is 0 and 1.
FORMS_OF_ONE_NUMBER = {"ar": 3, "fr": 0, "ja": 0}
_TAG = re.compile(r"</?[a-z][^<>]*>")


def placeholders(text: str) -> Counter[str]:
    """What is filled in, and how often."""
    return Counter(PLACEHOLDER.findall(text.replace("%%", "")))


def faults(english: Sequence[str], translated: Sequence[str], language: str) -> list[str]:
    """What is wrong with a translation, as sentences; empty where nothing is.

    ``english`` is the text, and its plural where it has one; ``translated`` holds every plural form of the language. A form
    that stands for a single number ("two days") may do without that number, and without what English leaves out for one.
    """
    found: list[str] = []
    most = set().union(*map(placeholders, english))
    for number, text in enumerate(translated):
        filled = set(placeholders(text))
        missing = set(placeholders(english[-1])) - filled
        if len(english) > 1 and number < FORMS_OF_ONE_NUMBER.get(language, 1) and number < len(translated) - 1:
            missing &= set(placeholders(english[0]))
            numbers = {name for name in missing if name.endswith("d")} or missing
            missing -= set(sorted(numbers)[:1])
        if filled - most:
            found.append(f"{' '.join(sorted(filled - most))} is not filled in by the English text.")
        if missing:
            found.append(f"{' '.join(sorted(missing))} is missing.")
        if "%(" in english[-1] and _LONE_PERCENT.search(text.replace("%%", "")):
            found.append("A percent sign stands alone; write %%.")
        found += _differences(english, text)
    return list(dict.fromkeys(found))


def _differences(english: Sequence[str], text: str) -> list[str]:
    """Tags, and blanks at the ends; one of the English texts has the same."""
    found: list[str] = []
    if all(Counter(_TAG.findall(text)) != Counter(_TAG.findall(each)) for each in english):
        found.append(f"The tags are not those of the English text: {' '.join(_TAG.findall(english[-1])) or 'none'}.")
    if text and all(_ends(text) != _ends(each) for each in english):
        found.append("The blanks and line ends at its beginning and end are not those of the English text.")
    return found


def _ends(text: str) -> tuple[str, str]:
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
