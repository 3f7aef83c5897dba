"""Every text for people goes through gettext, and every catalogue says all of them rightly."""

from collections.abc import Iterator
from typing import Any

import pytest
from babel.messages.catalog import Message
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import FieldDoesNotExist
from django.test import RequestFactory
from django.utils.functional import Promise

from licensemgr.portal.translating import catalogues
from licensemgr.portal.translating.extracting import CODE, TEMPLATES
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
    # Names of an icon and of tones.
    "templates/components/empty_state.html": {'|default:"products"'},
    "templates/components/next_step.html": {"|default:'info'"},
    "templates/components/tag.html": {"|default:'neutral'"},
}
# Templates whose element is chosen by a tag, so that its name looks like text.
ELEMENTS_CHOSEN = {"templates/allauth/elements/button.html", "templates/components/field.html"}
# Code that speaks to programs and to operators, which is English for all (locale/GUIDE.md).
FOR_PROGRAMS = (
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
        if path not in ELEMENTS_CHOSEN and (said := set(texts_in_template(source)) - NO_ENGLISH.get(path, set()))
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


def test_the_admin_site_names_everything_in_the_readers_language() -> None:
    """Names that Django makes of the code's own can't be translated: ``licensemgr/core/names.py`` has others."""
    request = RequestFactory().get("/admin/")
    request.user = User(pk=1, is_superuser=True, is_staff=True, is_active=True)
    unnamed: list[str] = []
    for model, model_admin in admin.site._registry.items():
        if not model._meta.app_config.path.startswith(str(settings.BASE_DIR)):
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


def _is_named(owner: Any, column: Any) -> bool:
    """Whether a column of the admin site has a name that can be translated."""
    if not isinstance(column, str) or column in {"__str__", "id", "usable_password", "password1", "password2"}:
        return True
    shown = getattr(owner, column, None) or getattr(owner.model, column, None)
    if hasattr(shown, "short_description"):
        return isinstance(shown.short_description, Promise)
    try:
        return isinstance(getattr(owner.model._meta.get_field(column), "verbose_name", None), Promise)
    except FieldDoesNotExist:
        return False


def test_no_plural_of_a_table_is_made_with_an_english_s() -> None:
    made = [
        model.__name__
        for model in apps.get_models()
        if model._meta.app_config.path.startswith(str(settings.BASE_DIR))
        and str(getattr(model._meta.verbose_name_plural, "_args", "")).startswith("('{}s'")
    ]
    assert not made
