"""Numbers as the reader's language writes them: the one door for those that sentences hold.

Templates write theirs by themselves (`USE_THOUSAND_SEPARATOR`). What programs read (attributes, files, calls, addresses) and what
names something (a line, a sequence number, a year) is written plainly.
"""

from django.utils import formats


def grouped(quantity: int) -> str:
    """“12,345” in English, “12.345” in German: a quantity for a sentence, with the language's separators of thousands."""
    return formats.number_format(quantity, 0, use_l10n=True, force_grouping=True)
