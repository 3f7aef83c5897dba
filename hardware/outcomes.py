"""What became of each file of an upload: what the page after Confirm says, now and for a week (R28)."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy

from hardware.models import HeldReport, Report, StagedFile
from hardware.staging import batch_files
from licensemgr.core import clock
from licensemgr.core.worded import gettext as _
from organizations.models import Organization, User
from products.models import System


class Fate(models.TextChoices):
    """What became of an uploaded file."""

    ACCEPTED = "accepted", gettext_lazy("Accepted")
    HELD = "held", gettext_lazy("For an administrator")
    REFUSED = "refused", gettext_lazy("Not accepted")
    WAITING = "waiting", gettext_lazy("Waits to be confirmed")


@dataclass(frozen=True)
class FileOutcome:
    """A file of an upload, what became of it, and a sentence or the system's name."""

    file_name: str
    fate: Fate
    words: str


@dataclass(frozen=True)
class Confirmed:
    """What became of a batch."""

    files: Sequence[FileOutcome]
    # The systems whose files were accepted.
    systems: Sequence[System]
    # Those whose file waits for an administrator's decision.
    held: Sequence[System]

    @property
    def waiting(self) -> int:
        """How many files nobody has confirmed yet, or could be confirmed again after the portal failed at them."""
        return sum(file.fate == Fate.WAITING for file in self.files)


def confirmed_batch(organization: Organization, batch: uuid.UUID, actor: User) -> Confirmed:
    """What became of a batch's files; known for a week."""
    files = list(batch_files(organization, batch, actor).defer("packed"))
    taken = [file.digest for file in files if file.is_taken]
    # Of a system that was removed and registered anew by the same file, the later one counts.
    reports = Report.objects.filter(organization=organization, digest__in=taken).order_by("pk")
    names = dict(reports.values_list("digest", "system__name"))
    held = HeldReport.objects.filter(organization=organization, digest__in=taken).order_by("pk")
    decisions = dict(held.values_list("digest", "decision"))
    systems = System.objects.filter(organization=organization, removed_on=None).select_related(
        "registered_product__product"
    )
    return Confirmed(
        files=[_outcome(file, names, decisions) for file in files],
        systems=list(systems.filter(pk__in=reports.values("system")).order_by("name", "pk")),
        held=list(systems.filter(pk__in=held.filter(decision="").values("system")).order_by("name", "pk")),
    )


def _outcome(file: StagedFile, names: Mapping[str, str], decisions: Mapping[str, str]) -> FileOutcome:
    if file.refusal:
        return FileOutcome(file.file_name, Fate.REFUSED, file.refusal)
    if file.is_taken:
        if file.digest in names:
            return FileOutcome(file.file_name, Fate.ACCEPTED, names[file.digest])
        if decisions.get(file.digest) == "":
            return FileOutcome(
                file.file_name,
                Fate.HELD,
                _("The system signs with another key than before and stays as it is until then."),
            )
        # Only what was held can be neither: the question was decided, or a newer report of the system took its place.
        return FileOutcome(
            file.file_name,
            Fate.REFUSED,
            _("An administrator refused its key, or was asked about a newer file instead."),
        )
    if file.confirmed_at is not None:
        return FileOutcome(file.file_name, Fate.REFUSED, file.outcome)
    if file.expires_at <= clock.real_now():
        return FileOutcome(
            file.file_name,
            Fate.REFUSED,
            _("It waited for more than an hour and was not taken. Nothing was changed by it. Upload it again."),
        )
    return FileOutcome(file.file_name, Fate.WAITING, file.outcome or _("Nothing was changed by it so far."))
