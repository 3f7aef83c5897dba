"""Tenants and their people."""

import unicodedata
import zoneinfo
from datetime import datetime
from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

# Tables of the app, in a file of their own.
from organizations.work_models import WorkOrder as WorkOrder
from organizations.work_models import WorkPiece as WorkPiece


class UserManager(DjangoUserManager["User"]):
    """Makes people who are known by their e-mail address."""

    def create_user(  # type: ignore[override]  # there is no username
        self, email: str, password: str | None = None, **fields: Any
    ) -> "User":
        """A person for whose address whoever makes the account vouches: the operator, or a code that was typed."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        with transaction.atomic(using=self._db):
            user.save(using=self._db)
            self.vouch_for(user)
        return user

    def create_superuser(  # type: ignore[override]  # there is no username
        self, email: str, password: str | None = None, **fields: Any
    ) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def vouch_for(self, user: "User") -> None:
        """The person's address counts as proved, so that nobody asks for a code at sign-in."""
        EmailAddress.objects.using(self._db).create(user=user, email=user.email, verified=True, primary=True)


class User(AbstractUser):
    """A person. Signs in by e-mail address."""

    username = None  # type: ignore[assignment]  # removed, as Django documents
    email = models.EmailField(_("e-mail address"), unique=True)
    # The person left and closed the account (R35): nothing personal is kept, and History says “former member”.
    closed_at = models.DateTimeField(null=True, editable=False)
    # The language that the person chose; empty: the browser's.
    language = models.CharField(_("language"), max_length=12, blank=True, default="")
    # The one in which the person last signed in; mail that nobody's browser asks for is written in it.
    browser_language = models.CharField(max_length=12, blank=True, default="", editable=False)
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    def __str__(self) -> str:
        if self.closed_at is not None:
            return gettext("former member")
        return self.get_full_name() or self.email

    @property
    def reads(self) -> str:
        """The code of the language in which mail is written to the person."""
        known = dict(settings.LANGUAGES)
        return next((code for code in (self.language, self.browser_language) if code in known), settings.LANGUAGE_CODE)


def validate_time_zone(name: str) -> None:
    """Raises ValidationError unless ``name`` is an IANA time zone."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValidationError(_("%(name)s is not a time zone."), params={"name": name}) from error


class Organization(models.Model):
    """The tenant. Everything that it holds belongs to exactly one; there is no way to transfer between two."""

    name = models.CharField(_("name"), max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    country = models.CharField(_("country"), max_length=2, blank=True, validators=[RegexValidator(r"^[A-Z]{2}$")])
    time_zone = models.CharField(_("time zone"), max_length=60, default="UTC", validators=[validate_time_zone])
    # A changed time zone counts from the next day (R35): until this instant the former one does.
    former_time_zone = models.CharField(max_length=60, blank=True, editable=False)
    time_zone_since = models.DateTimeField(null=True, editable=False)
    # Gets the notices beside the members who want them; empty for nobody.
    notices_email = models.EmailField(_("contact for notices"), blank=True)
    created_on = models.DateField()
    # Closed by its administrator (R35): nobody enters any more; the books stay for staff.
    closed_on = models.DateField(null=True, editable=False)
    # The last day to which the books are settled (R3); never goes back (R1).
    settled_through = models.DateField(null=True, editable=False)
    # The next date on which something becomes true by itself; the daily job looks at nothing else.
    next_due_on = models.DateField(null=True, editable=False, db_index=True)
    members: "models.ManyToManyField[User, Membership]" = models.ManyToManyField(
        User, through="Membership", related_name="organizations"
    )

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    def time_zone_at(self, instant: datetime) -> str:
        """The time zone that counts at an instant (R35)."""
        if self.time_zone_since is not None and instant < self.time_zone_since:
            return self.former_time_zone
        return self.time_zone

    def is_called(self, typed: str) -> bool:
        """Whether somebody typed its name: case, spaces and the form of accents do not matter."""
        return _plain(typed) == _plain(self.name)


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).split()).casefold()


class Role(models.TextChoices):
    """What a member may do (R31)."""

    ADMINISTRATOR = "administrator", _("Administrator")
    MANAGER = "manager", _("Manager")
    VIEWER = "viewer", _("Viewer")


# Who is mailed the notices that can be switched off.
NOTIFIED_ROLES = (Role.ADMINISTRATOR, Role.MANAGER)


class Membership(models.Model):
    """A person's role in an organization."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="memberships")
    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)
    since = models.DateField()
    # Whether the person gets the notices that can be switched off; an exceeded allowance is always told (R12).
    wants_notices = models.BooleanField(default=True)
    # Whether the person hid the guide of the first steps.
    hides_guide = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"

    @property
    def can_get_notices(self) -> bool:
        """Whether the role is one that is mailed notices."""
        return self.role in NOTIFIED_ROLES


class ListPreference(models.Model):
    """What a person keeps of a list wherever it is: a choice for each column that was ever offered, and own views."""

    user = models.ForeignKey(User, models.CASCADE, related_name="list_preferences")
    list_name = models.CharField(max_length=40)
    # Of each column, by its name, whether it is shown. What is not in it is as the list has it for everybody.
    columns = models.JSONField(default=dict)
    # Of a list that belongs to no organization: what was asked of it, by the name of the view (else: `SavedView`).
    views = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "list_name"], name="list_preference_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.list_name}"


class SavedView(models.Model):
    """What a person asks of a list of an organization, under a name. It never says which page."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="saved_views")
    user = models.ForeignKey(User, models.CASCADE, related_name="saved_views")
    list_name = models.CharField(max_length=40)
    # Of what it is a list: the code of a product; empty for lists of the whole organization.
    subject = models.CharField(max_length=120, blank=True)
    name = models.CharField(_("name"), max_length=60)
    query = models.TextField(blank=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "user", "list_name", "subject", "name"], name="saved_view_name_once"
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="saved_view_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Invitation(models.Model):
    """An address was asked to become a member. Works once, only for that address, until it expires or is revoked."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="invitations")
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(max_length=20, choices=Role)
    # SHA-256 of the 256 random bits in the link; the link itself is in the mail only.
    digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["organization", "-invited_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "email"],
                condition=models.Q(revoked_at=None, accepted_at=None),
                name="invitation_open_once",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role_known"),
            models.CheckConstraint(
                condition=models.Q(revoked_at=None) | models.Q(accepted_at=None), name="invitation_ends_once"
            ),
        ]

    @property
    def addressee(self) -> str:
        """Whom it was sent to; “former member” once whoever accepted it has closed the account (R35)."""
        closed = self.accepted_by is not None and self.accepted_by.closed_at is not None
        return str(self.accepted_by) if closed else self.email

    def is_open(self, at: datetime) -> bool:
        """Whether it can still be accepted at that instant."""
        return self.revoked_at is None and self.accepted_at is None and at < self.expires_at


class AccessGrant(models.Model):
    """Lets a person of the vendor look at one organization, with a reason, for a while (R30): the support view."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="access_grants")
    user = models.ForeignKey(User, models.PROTECT, related_name="access_grants")
    reason = models.CharField(_("reason"), max_length=300)
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["organization", "user", "expires_at"], name="access_grant_in_force")]
        constraints = [models.CheckConstraint(condition=~models.Q(reason=""), name="access_grant_has_a_reason")]

    def __str__(self) -> str:
        return f"{self.user}: {self.organization}"
