"""manage.py messages: the portal's texts in other languages."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from licensemgr.portal.translating import catalogues, filling
from licensemgr.portal.translating.extracting import find_all
from licensemgr.portal.translating.pseudo import LANGUAGE, write_pseudo


class Command(BaseCommand):
    help = (
        "Brings the catalogues in locale/ up to date from the code and the templates. With an option: lists what is to be "
        "translated, takes translations in, or compiles. See locale/GUIDE.md."
    )
    # It is run before there is a database.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--pseudo",
            action="store_true",
            help="make a language for looking at what is not translated or does not fit",
        )
        what.add_argument("--compile", action="store_true", help="compile what is newer than what was compiled")
        what.add_argument(
            "--todo", metavar="LANG", choices=sorted(catalogues.PLURAL_FORMS), help="print what is untranslated"
        )
        what.add_argument(
            "--fill", nargs=2, metavar=("LANG", "FILE"), help="take translations in (- reads standard input)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["compile"]:
                self._compile()
            elif options["pseudo"]:
                self._make_pseudo()
            elif options["todo"]:
                self._list(options["todo"])
            elif options["fill"]:
                self._fill(*options["fill"])
            else:
                self._update()
        except catalogues.CatalogueError as error:
            raise CommandError(str(error)) from error

    def _update(self) -> None:
        texts = catalogues.template()
        for language in catalogues.PLURAL_FORMS:
            catalogue = catalogues.updated(catalogues.read(language), texts)
            catalogues.write(catalogue, language)
            missing = sum(not catalogues.is_translated(each) for each in catalogues.messages_of(catalogue))
            self.stdout.write(f"{language}: {len(catalogue)} texts, {missing} of them untranslated.")

    def _compile(self) -> None:
        for language in filter(catalogues.is_stale, catalogues.PLURAL_FORMS):
            catalogues.compile_catalogue(language)

    def _make_pseudo(self) -> None:
        if settings.PRODUCTION:
            raise CommandError("It is for the demonstration and for tests, never for production.")
        path = write_pseudo(settings.PSEUDO_LOCALE_DIR)
        self.stdout.write(f"{path} is made. Start the demonstration anew and choose {LANGUAGE}.")

    def _list(self, language: str) -> None:
        found = find_all()
        catalogue = catalogues.updated(catalogues.read(language), catalogues.template(found))
        for line in filling.to_do(catalogue, found):
            self.stdout.write(json.dumps(line, ensure_ascii=False))

    def _fill(self, language: str, file: str) -> None:
        if language not in catalogues.PLURAL_FORMS:
            raise CommandError(f"{language} is none of {', '.join(catalogues.PLURAL_FORMS)}.")
        try:
            lines = (sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")).split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} can't be read: {error}") from error
        catalogue = catalogues.updated(catalogues.read(language), catalogues.template())
        taken, refused = filling.fill(catalogue, lines, language)
        catalogues.write(catalogue, language)
        for refusal in refused:
            self.stderr.write(f"{refusal.id}: {refusal.why} {refusal.text}")
        self.stdout.write(f"{taken} taken, {len(refused)} not.")
        if refused:
            raise CommandError("Put the lines above right, and fill them in again; the others are in.")
