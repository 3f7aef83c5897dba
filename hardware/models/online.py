"""How a system that is online comes to belong to an organization."""

from django.conf import settings
from django.db import models

from organizations.models import Organization


class RegistrationCode(models.Model):
    """Lets systems join an organization by a call. Shown once; of the code itself only a hash is kept."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="registration_codes")
    # What the people who made it call it: a site, a delivery.
    label = models.CharField(max_length=120)
    # SHA-256 of the 125 random bits, and the last five symbols by which people tell codes apart.
    digest = models.CharField(max_length=64, unique=True)
    tail = models.CharField(max_length=5)
    # How many systems may join by it, and how many did.
    uses = models.PositiveIntegerField()
    used = models.PositiveIntegerField(default=0)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    # Names the form that was sent, so that a double click makes one code.
    form_token = models.UUIDField(unique=True)

    class Meta:
        ordering = ["organization", "-made_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(uses__gt=0), name="registration_code_has_uses"),
            # However many systems call at once, no more than these join.
            models.CheckConstraint(
                condition=models.Q(used__lte=models.F("uses")), name="registration_code_not_overused"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} …{self.tail}"
