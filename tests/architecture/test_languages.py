"""Every text for people goes through gettext, and every catalogue says all of them rightly."""

import gettext
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.test import RequestFactory
from django.utils.functional import Promise

from licensemgr.portal.translating import alike, catalogues, filling
from licensemgr.portal.translating.checking import faults
from licensemgr.portal.translating.extracting import CODE, KEYWORDS, TEMPLATES, find_in_code, find_in_template
from organizations.models import User
from tests.architecture.hard_coded import files, frozen_texts, texts_in_code, texts_in_template

TRANSLATED = [code for code, _name in settings.LANGUAGES if code != "en"]
NAME = "License Manager"
# What stands in templates and is no English: names, symbols, and the names of elements that a template writes itself.
NO_ENGLISH = {
    "templates/_brand.html": {NAME},
    "templates/_error_base.html": {f"· {NAME}", "|default:'en'"},
    "templates/_topbar.html": {f'aria-label="{NAME} –"'},
    "templates/base.html": {f"· · {NAME}", "|default:'en'"},
    "templates/wallet/_undos.html": {f'|default_if_none:"{NAME}"'},
    "templates/wallet/undo_redemption.html": {f'|default_if_none:"{NAME}"'},
    # Universal time, by its name in all languages.
    "templates/admin/jobs.html": {"UTC"},
    "templates/admin/hardware/unitimport/_course.html": {"UTC,"},
    # Names of classes.
    "templates/admin/act.html": {"app- model- change-form"},
    "templates/allauth/layouts/entrance.html": {"public"},
    "templates/public_base.html": {"public"},
    "templates/components/print_header.html": {NAME},
    # Names of ids, of an icon and of tones.
    "templates/components/confirm_panel.html": {"|default:'confirm-title'"},
    "templates/components/upload_progress.html": {"|default:'upload-meter'"},
    "templates/components/empty_state.html": {'|default:"products"'},
    "templates/components/next_step.html": {"|default:'info'"},
    "templates/components/tag.html": {"|default:'neutral'"},
}
# Templates whose element is chosen by a tag, so that its name looks like text.
ELEMENTS_CHOSEN = {"templates/allauth/elements/button.html", "templates/components/field.html"}
# Made for whoever builds pages: its words are English for all.
STYLEGUIDE = "templates/styleguide/"
# Code that speaks to programs, to operators and to those who build pages, which is English for all (locale/GUIDE.md).
FOR_PROGRAMS = (
    "licensemgr/portal/styleguide/",
    "licensemgr/api/",
    "licensemgr/portal/management/",
    "licensemgr/portal/playing.py",
    "licensemgr/portal/translating/",
)


def messages_to_translate(language: str) -> Iterator[Message]:
    yield from catalogues.messages_of(catalogues.read(language))


def test_templates_say_nothing_outside_of_gettext() -> None:
    found = {
        path: said
        for path, source in files(settings.BASE_DIR, TEMPLATES, ".html", ".txt", ".svg")
        if path not in ELEMENTS_CHOSEN
        and not path.startswith(STYLEGUIDE)
        and (said := set(texts_in_template(source)) - NO_ENGLISH.get(path, set()))
    }
    assert not found, "Put these into {% trans %} or {% blocktrans %}."


def test_code_says_nothing_outside_of_gettext() -> None:
    found = [
        f"{path}:{line}: {text}"
        for path, source in files(settings.BASE_DIR, CODE, ".py")
        if not path.startswith(FOR_PROGRAMS)
        for line, text in texts_in_code(source)
    ]
    assert not found, "Put these into gettext."


def test_no_text_is_translated_while_a_module_is_imported() -> None:
    found = [
        f"{path}:{line}" for path, source in files(settings.BASE_DIR, CODE, ".py") for line in frozen_texts(source)
    ]
    assert not found, "These stay English for ever: use gettext_lazy."


@pytest.mark.parametrize(
    "source",
    [
        "<p>Hello</p>",
        '<p title="Hello there"></p>',
        '<input type="submit" value="Send">',
        '{% include "components/tag.html" with text="Hello" %}',
        "{{ count }} devices",
        '{{ is_on|yesno:"on,off" }}',
        '<meta name="description" content="Licenses">',
    ],
)
def test_a_hard_coded_text_of_a_template_is_found(source: str) -> None:
    assert texts_in_template(source)


@pytest.mark.parametrize(
    "source",
    [
        '<p class="muted">{% trans "Hello" %}</p>',
        "{% blocktrans count n=n %}{{ n }} device{% plural %}{{ n }} devices{% endblocktrans %}",
        '<p title="{% trans "Hello" %}">{{ name }}</p>',
        '{% include "components/tag.html" with text=label tone="warning" %}',
        "<script>var it = 1;</script><code>manage.py</code>{# words #}{% comment %}words{% endcomment %}",
    ],
)
def test_a_translated_template_is_left_alone(source: str) -> None:
    assert not texts_in_template(source)


@pytest.mark.parametrize(
    "source",
    [
        'messages.success(request, "Done.")',
        'messages.error(request, f"No {name}.")',
        'raise ValidationError("Too long.")',
        'class A(Refused):\n def __init__(self): super().__init__("No.")',
        'forms.CharField(label="Name")',
        'models.CharField("name", max_length=3)',
        'forms.CharField(error_messages={"required": "Say it."})',
        '@admin.display(description="name")\ndef name(self): ...',
        'class State(models.TextChoices):\n OPEN = "open", "Open"',
        'class A(admin.ModelAdmin):\n fieldsets = [("Books", {"fields": []})]',
        'class Shop(AppConfig):\n verbose_name = "Shop"',
    ],
)
def test_a_hard_coded_text_of_code_is_found(source: str) -> None:
    assert texts_in_code(source)


def test_a_frozen_text_is_found_and_a_lazy_one_is_left_alone() -> None:
    assert frozen_texts('from django.utils.translation import gettext as _\nTITLE = _("Name")')
    assert frozen_texts('from django.utils.translation import gettext as _\ndef f(title=_("Name")): ...')
    assert not frozen_texts('from django.utils.translation import gettext_lazy as _\nTITLE = _("Name")')
    assert not frozen_texts('from django.utils.translation import gettext as _\ndef f(): return _("Name")')


def test_gettext_is_called_by_names_that_are_looked_for() -> None:
    """A text behind another name of the function would be in no catalogue, and nobody would miss it."""
    renamed = re.compile(r"from django\.utils\.translation import (?:.*\b)?\w*gettext\w* as (\w+)")
    assert not [
        f"{path}: {name}"
        for path, source in files(settings.BASE_DIR, CODE, ".py")
        for name in renamed.findall(source)
        if name not in KEYWORDS
    ]
    assert renamed.findall("from django.utils.translation import gettext_lazy as _t") == ["_t"]


def test_the_admin_site_names_everything_in_the_readers_language() -> None:
    """Names that Django makes of the code's own can't be translated: ``licensemgr/core/names.py`` has others."""
    request = RequestFactory().get("/admin/")
    request.user = User(pk=1, is_superuser=True, is_staff=True, is_active=True)
    unnamed: list[str] = []
    for model, model_admin in admin.site._registry.items():
        if not _is_ours(model):
            continue
        unnamed += [
            f"{model.__name__}: {name}"
            for name in (model._meta.verbose_name, model._meta.verbose_name_plural)
            if not isinstance(name, Promise)
        ]
        for owner in (model_admin, *model_admin.get_inline_instances(request)):
            columns = flatten_fieldsets(owner.get_fieldsets(request))
            columns += list(getattr(owner, "list_display", ()))
            unnamed += [f"{owner.model.__name__}.{name}" for name in columns if not _is_named(owner, name)]
    assert not unnamed


def _is_ours(model: type[Model]) -> bool:
    """Whether it is a table of the portal; installed packages may lie in a folder of the project."""
    return model._meta.app_config.name.partition(".")[0] in CODE


def _is_named(owner: Any, column: Any) -> bool:
    """Whether a column of the admin site has a name that can be translated."""
    if not isinstance(column, str) or column in {"__str__", "id", "usable_password", "password1", "password2"}:
        return True
    shown = getattr(owner, column, None) or getattr(owner.model, column, None)
    if shown is not None and hasattr(shown, "short_description"):
        return isinstance(shown.short_description, Promise)
    try:
        return isinstance(getattr(owner.model._meta.get_field(column), "verbose_name", None), Promise)
    except FieldDoesNotExist:
        return False


def test_no_plural_of_a_table_is_made_with_an_english_s() -> None:
    made = [
        model.__name__
        for model in apps.get_models()
        if _is_ours(model) and str(getattr(model._meta.verbose_name_plural, "_args", "")).startswith("('{}s'")
    ]
    assert not made


class TestCatalogues:
    """Each language that the portal offers says everything, and nothing but what the code asks for."""

    def test_each_has_exactly_the_texts_of_the_code(self) -> None:
        wanted = {_key(message) for message in catalogues.messages_of(catalogues.template())}
        for language in catalogues.PLURAL_FORMS:
            kept = {_key(message) for message in messages_to_translate(language)}
            assert not wanted - kept, f"{language}: manage.py messages"
            assert not kept - wanted, f"{language}: manage.py messages"
            assert not catalogues.read(language).obsolete

    def test_every_text_is_translated_in_every_plural_form(self) -> None:
        missing = {language: _untranslated(catalogues.read(language)) for language in TRANSLATED}
        assert not any(missing.values()), "manage.py messages --todo LANG"

    def test_no_translation_is_guessed_or_copied_english(self) -> None:
        for language in TRANSLATED:
            assert not [message.id for message in messages_to_translate(language) if message.fuzzy]
            assert not _copied(catalogues.read(language), language), f"see locale/{language}/alike.txt"

    def test_placeholders_tags_and_blanks_are_those_of_the_english_text(self) -> None:
        """Of what is translated so far, even in a language that is not offered yet."""
        wrong = {
            (language, message.id): found
            for language in catalogues.PLURAL_FORMS
            for message in messages_to_translate(language)
            if catalogues.is_translated(message) and (found := _faults(message, language))
        }
        assert not wrong

    def test_what_may_be_alike_is(self) -> None:
        """The lists hold nothing that is translated otherwise, or is gone."""
        for language in TRANSLATED:
            said = {text for message in messages_to_translate(language) for text in catalogues.translations(message)}
            assert not alike.read_list(language) - said, language

    def test_each_stands_in_its_file_as_the_command_writes_it(self) -> None:
        for language in catalogues.PLURAL_FORMS:
            written = catalogues.po_path(language).read_text(encoding="utf-8")
            assert written == catalogues.as_text(catalogues.read_text(written, language), language), language


def _key(message: Message) -> tuple[str, tuple[str, ...]]:
    return message.context or "", catalogues.english(message)


def _untranslated(catalogue: Catalog) -> list[Any]:
    return [
        message.id
        for message in catalogues.messages_of(catalogue)
        if not catalogues.is_translated(message)
        or (message.pluralizable and len(catalogues.translations(message)) != catalogue.num_plurals)
    ]


def _copied(catalogue: Catalog, language: str) -> list[Any]:
    return [
        message.id
        for message in catalogues.messages_of(catalogue)
        if any(filling.is_copied(message, text, language) for text in catalogues.translations(message))
    ]


def _faults(message: Message, language: str) -> list[str]:
    return faults(catalogues.english(message), catalogues.translations(message), language)


class TestFaultsAreFound:
    """What the tests of the catalogues look for, in a small one."""

    def catalogue(self, body: str, language: str = "sv") -> Catalog:
        header = catalogues.as_text(catalogues.updated(catalogues.read(language), Catalog()), language)
        return catalogues.read_text(header + "\n" + body, language)

    def test_an_untranslated_text_and_a_missing_plural_form(self) -> None:
        plural = 'msgid "%(n)d day"\nmsgid_plural "%(n)d days"\nmsgstr[0] "%(n)d dag"\nmsgstr[1] ""\n'
        assert _untranslated(self.catalogue('msgid "Day"\nmsgstr ""\n')) == ["Day"]
        assert _untranslated(self.catalogue(plural)) == [("%(n)d day", "%(n)d days")]
        assert not _untranslated(self.catalogue(plural.replace('""', '"%(n)d dagar"')))
        # Arabic has six.
        assert _untranslated(self.catalogue(plural.replace('""', '"%(n)d dagar"'), "ar"))

    def test_copied_english(self) -> None:
        assert _copied(self.catalogue('msgid "Day"\nmsgstr "Day"\n'), "sv") == ["Day"]
        assert not _copied(self.catalogue('msgid "Day"\nmsgstr "Dag"\n'), "sv")
        assert not _copied(self.catalogue('msgid "License Manager"\nmsgstr "License Manager"\n'), "sv")
        assert not _copied(self.catalogue('msgid "%(a)s – <b>%(b)s</b>"\nmsgstr "%(a)s – <b>%(b)s</b>"\n'), "sv")

    @pytest.mark.parametrize(
        ("english", "translated"),
        [
            (["%(n)d of %(all)d"], ["%(n)d av"]),
            (["%(n)d of %(all)d"], ["%(n)d av %(alla)d"]),
            (["{n} more"], ["mer"]),
            (["%(n)d day", "%(n)d days"], ["en dag", "dagar"]),
            (["<b>No</b>"], ["Nej"]),
            (['<a href="%(url)s">Go</a>'], ['<a href="%(url)s">Gå<a>']),
            ([" or "], ["eller"]),
            (["Done.\n"], ["Klart."]),
            (["%(n)d %%"], ["%(n)d %"]),
        ],
    )
    def test_what_would_break_a_page(self, english: list[str], translated: list[str]) -> None:
        assert faults(english, translated, "sv")

    @pytest.mark.parametrize(
        ("english", "translated", "language"),
        [
            (["%(n)d of %(all)d"], ["av %(all)d: %(n)d"], "sv"),
            (["%(n)d day", "%(n)d days"], ["en dag", "%(n)d dagar"], "sv"),
            (["one day", "%(n)d days"], ["%(n)d dag", "%(n)d dagar"], "sv"),
            (["%(n)d day", "%(n)d days"], ["لا أيام", "يوم", "يومان", "%(n)d أيام", "%(n)d يومًا", "%(n)d يوم"], "ar"),
            (["<b>No</b> &nbsp;"], ["<b>Nej</b> &nbsp;"], "sv"),
            (["100 %"], ["100 %"], "sv"),
        ],
    )
    def test_what_is_right(self, english: list[str], translated: list[str], language: str) -> None:
        assert not faults(english, translated, language)

    def test_a_broken_translation_is_not_compiled(self, tmp_path: Path, settings: Any) -> None:
        settings.BASE_DIR = tmp_path
        path = catalogues.po_path("sv")
        path.parent.mkdir(parents=True)
        path.write_text('msgid "%(n)d of %(all)d"\nmsgstr "%(n)d av"\n', encoding="utf-8")
        with pytest.raises(catalogues.CatalogueError, match=r"%\(all\)d is missing"):
            catalogues.compile_catalogue("sv")
        assert not catalogues.mo_path("sv").exists()
        path.write_text(
            'msgid "%(n)d of %(all)d"\nmsgstr "%(n)d av %(all)d"\n\nmsgid "Day"\nmsgstr ""\n', encoding="utf-8"
        )
        catalogues.compile_catalogue("sv")
        with catalogues.mo_path("sv").open("rb") as file:
            said = gettext.GNUTranslations(file)
        assert said.gettext("%(n)d of %(all)d") == "%(n)d av %(all)d"
        assert said.gettext("Day") == "Day"
        assert not catalogues.is_stale("sv")


class TestFinding:
    def test_code_and_templates_with_contexts_plurals_and_comments(self) -> None:
        code = '# Translators: a verb\n_("Open")\npgettext("state", "Open")\nngettext("%(n)d day", "%(n)d days", n)\nother("No")'
        found = list(find_in_code(code, "a.py"))
        assert [(each.text, each.plural, each.context) for each in found] == [
            ("Open", "", ""),
            ("Open", "", "state"),
            ("%(n)d day", "%(n)d days", ""),
        ]
        assert found[0].comments == ("Translators: a verb",)
        template = (
            '    {% trans "Go" context "verb" %}\n'
            "  {% blocktrans trimmed count n=n %}\n {{ n }} “day”\n {% plural %}\n {{ n }} 'days' {% endblocktrans %}"
            '{{ x|default:_("none") }}'
        )
        found = list(find_in_template(template, "a.html"))
        assert {(each.text, each.plural, each.context) for each in found} == {
            ("Go", "", "verb"),
            ("%(n)s “day”", "%(n)s 'days'", ""),
            ("none", "", ""),
        }

    def test_lists_for_translators_come_back(self, tmp_path: Path, settings: Any) -> None:
        settings.BASE_DIR = tmp_path
        found = list(find_in_code('_("Day")\nngettext("%(n)d day", "%(n)d days", n)\n_("API key")\n', "a.py"))
        catalogue = catalogues.updated(catalogues.read("ar"), catalogues.template(found))
        day, days, key = filling.to_do(catalogue, found)
        assert (day["msgid"], days["plural"], days["forms"], key["where"]) == ("Day", "%(n)d days", 6, "a.py:3")
        lines = [
            {"id": day["id"], "text": "يوم"},
            {"id": days["id"], "texts": ["%(n)d يوم"] * 5},
            {"id": key["id"], "text": "API key"},
            {"id": "none", "text": "x"},
        ]
        taken, refused = filling.fill(catalogue, [*map(json.dumps, lines), "", "no JSON"], "ar")
        assert (taken, len(refused)) == (1, 4)
        again = [lines[1] | {"texts": ["%(n)d يوم"] * 6}, lines[2] | {"same": True}]
        assert filling.fill(catalogue, map(json.dumps, again), "ar") == (2, [])
        assert alike.read_list("ar") == {"API key"}
        catalogues.write(catalogue, "ar")
        assert not list(filling.to_do(catalogues.read("ar"), found))
