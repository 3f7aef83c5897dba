"""What people type about their own account. Checks form, never rules."""

from typing import Any

from allauth.account import forms as allauth_forms
from django import forms
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.core.exceptions import ValidationError
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from organizations.forms import NewOrganizationForm, OneLineField
from organizations.models import User


def _new_password_field() -> forms.CharField:
    return forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=lazy(password_validators_help_text_html, str)(),
        error_messages={"required": _("Choose a password.")},
    )


class SignUpForm(NewOrganizationForm):
    """An account and its first organization."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={
            "required": _("Enter your e-mail address."),
            "invalid": _("This is not an e-mail address. Write it like name@example.com."),
        },
    )
    password = _new_password_field()
    field_order = ("email", "password", "name", "country", "time_zone")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["name"].label = _("Name of the organization")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def clean(self) -> dict[str, Any]:
        _check_password(self, self.cleaned_data.get("email", ""))
        return self.cleaned_data


class InvitedSignUpForm(forms.Form):
    """An account for the address to which an invitation was sent."""

    password = _new_password_field()

    def __init__(self, email: str, *args: Any, **options: Any) -> None:
        self.email = email
        super().__init__(*args, **options)

    def clean(self) -> dict[str, Any]:
        _check_password(self, self.email)
        return self.cleaned_data


def _check_password(form: forms.Form, email: str) -> None:
    """Say at the field why a password is too weak, or too much like the address."""
    if "password" in form.cleaned_data:
        try:
            validate_password(form.cleaned_data["password"], User(email=email))
        except ValidationError as error:
            form.add_error("password", error)


class _OwnWords:
    """allauth's fields in the portal's words. A label says what belongs into its field, so nothing stands in it."""

    fields: dict[str, forms.Field]
    labels = {
        "login": _("E-mail address"),
        "email": _("E-mail address"),
        "remember": _("Stay signed in on this device"),
        "oldpassword": _("Password now"),
        "password1": _("New password"),
        "password2": _("New password, again"),
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = self.labels.get(name, field.label)


class LoginForm(_OwnWords, allauth_forms.LoginForm):
    """Signs somebody in."""


class CodeForm(_OwnWords, allauth_forms.BaseConfirmCodeForm):
    """The code from the mail of a sign-up."""


class ChangeCodeForm(_OwnWords, allauth_forms.ConfirmEmailVerificationCodeForm):
    """The code from the mail to a new address."""


class AddEmailForm(_OwnWords, allauth_forms.AddEmailForm):
    """A new address in the place of the old one."""

    labels = {"email": _("New address")}


class ReauthenticateForm(_OwnWords, allauth_forms.ReauthenticateForm):
    """The password, once more."""


class ChangePasswordForm(_OwnWords, allauth_forms.ChangePasswordForm):
    """A new password for the old one."""


class SetPasswordForm(_OwnWords, allauth_forms.SetPasswordForm):
    """A first password."""


class ResetPasswordKeyForm(_OwnWords, allauth_forms.ResetPasswordKeyForm):
    """A new password, by the link from the mail."""


class ResetPasswordForm(_OwnWords, allauth_forms.ResetPasswordForm):
    """Asks for a link to choose a new password."""

    def clean_email(self) -> str:
        """Who has the address; one query either way, so that the work does not tell."""
        email = str(self.cleaned_data["email"])
        self.users = list(User.objects.filter(email=email, is_active=True))
        return email


class NameForm(forms.Form):
    """What a person is called."""

    first_name = OneLineField(
        label=_("First name"),
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )
    last_name = OneLineField(
        label=_("Last name"),
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )
