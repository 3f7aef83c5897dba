"""The catalogues in ``locale/``: one for each language but English, brought up to date from the code and compiled.

A catalogue holds exactly the texts that stand in the code, sorted, without line numbers and dates: so it differs from the one
before only where a text does, and two branches merge.
"""

import hashlib
import io
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings

from licensemgr.portal.translating.checking import faults
from licensemgr.portal.translating.extracting import Found, find_all

# The languages that the portal is translated into, with their plural forms (Unicode CLDR's for whole numbers).
PLURAL_FORMS = {
    "ar": (
        "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 && n%100<=99 ? 4 : 5);"
    ),
    "de": "nplurals=2; plural=(n != 1);",
    "es": "nplurals=2; plural=(n != 1);",
    "fr": "nplurals=2; plural=(n > 1);",
    "ja": "nplurals=1; plural=0;",
    "sv": "nplurals=2; plural=(n != 1);",
}
_HEADER = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural_forms}\\n"
"""


class CatalogueError(Exception):
    """A catalogue that can't be used; what is wrong stands in its text, a line for each fault."""


def po_path(language: str) -> Path:
    """The catalogue that people write."""
    return Path(settings.BASE_DIR) / "locale" / language / "LC_MESSAGES" / "django.po"


def mo_path(language: str) -> Path:
    """The compiled catalogue that the portal reads; it is no part of the repository."""
    return po_path(language).with_suffix(".mo")


def message_id(message: Message) -> str:
    """A short name of a message for lists that travel, the same as long as its English is."""
    return hashlib.sha256(f"{message.context or ''}\x04{english(message)[0]}".encode()).hexdigest()[:12]


def english(message: Message) -> tuple[str, ...]:
    """The English text, and its plural where it has one."""
    return tuple(message.id) if isinstance(message.id, tuple | list) else (message.id,)


def translations(message: Message) -> tuple[str, ...]:
    """The translated text, or all plural forms; empty texts where there is none yet."""
    return tuple(message.string) if isinstance(message.string, tuple | list) else (message.string or "",)


def is_translated(message: Message) -> bool:
    """Whether nothing is missing, not even one plural form."""
    return bool(translations(message)) and all(translations(message))


def messages_of(catalogue: Catalog) -> list[Message]:
    """All messages but the header."""
    return [message for message in catalogue if message.id]


def read_text(source: str, language: str) -> Catalog:
    """A catalogue from the text of its file. Raises CatalogueError."""
    try:
        return read_po(io.BytesIO(source.encode()), locale=language, abort_invalid=True)
    except ValueError as error:
        raise CatalogueError(f"{language}: {error}") from error


def read(language: str) -> Catalog:
    """The catalogue as it stands in ``locale/``; an empty one where there is none yet. Raises CatalogueError."""
    path = po_path(language)
    return read_text(path.read_text(encoding="utf-8") if path.exists() else _header(language), language)


def template(found: Iterable[Found] | None = None) -> Catalog:
    """The texts that stand in the code, untranslated. Raises CatalogueError where one has two different plurals."""
    catalogue, plurals = Catalog(), dict[tuple[str, str], str]()
    for each in find_all() if found is None else found:
        if plurals.setdefault(each.key, each.plural) != each.plural:
            raise CatalogueError(f"{each.path}:{each.line}: “{each.text}” stands elsewhere with another plural.")
        catalogue.add(
            (each.text, each.plural) if each.plural else each.text,
            auto_comments=each.comments,
            context=each.context or None,
        )
    return catalogue


def updated(catalogue: Catalog, texts: Catalog) -> Catalog:
    """The catalogue with exactly the texts of ``texts``: new ones untranslated, none guessed, gone ones dropped."""
    catalogue.update(texts, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    return catalogue


def as_text(catalogue: Catalog, language: str) -> str:
    """What the catalogue's file holds."""
    out = io.BytesIO()
    write_po(out, catalogue, width=0, no_location=True, omit_header=True, sort_output=True, ignore_obsolete=True)
    return _header(language) + "\n" + out.getvalue().decode()


def write(catalogue: Catalog, language: str) -> None:
    """Write the catalogue into ``locale/``."""
    path = po_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, as_text(catalogue, language).encode())


def is_stale(language: str) -> bool:
    """Whether the compiled catalogue is missing or older than the one that people write."""
    source, compiled = po_path(language), mo_path(language)
    return source.exists() and (not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime)


def compile_catalogue(language: str) -> None:
    """Compile what is translated. Raises CatalogueError where a translation would break a page, and compiles nothing."""
    catalogue = read(language)
    wrong = [
        f"{language}: “{english(message)[0]}”: {fault}"
        for message in messages_of(catalogue)
        if is_translated(message)
        for fault in faults(english(message), translations(message), language)
    ]
    if wrong:
        raise CatalogueError("\n".join(wrong))
    _replace(mo_path(language), compiled(catalogue))


def compiled(catalogue: Catalog) -> bytes:
    """The catalogue in the form that the portal reads; what is not translated is left out."""
    for message in messages_of(catalogue):
        if not is_translated(message):
            catalogue.delete(message.id, message.context)
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def _header(language: str) -> str:
    return _HEADER.format(language=language, plural_forms=PLURAL_FORMS.get(language, PLURAL_FORMS["de"]))


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, as several processes may compile at once."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(content)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
