"""Files of units that were made are taken in row by row, each once, and what can't be is refused with its line."""

import csv
import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hardware import importing, keys
from hardware.models import HardwareModel, ManufacturedUnit, UnitImport, UnitImportRefusal
from hardware.services import register_unit
from hardware.unit_files import MAXIMUM_ROW_BYTES, UnitFile
from organizations.models import Organization
from tests.hardware.unit_data import oak_of, unit_models, write_unit_file

pytestmark = pytest.mark.django_db
OAK = "7KQM-29XF-P4TB-WD8H"


@pytest.fixture
def model(db: None) -> HardwareModel:
    """A model with preloaded licenses."""
    return unit_models()[0]


@pytest.fixture
def other_model(db: None) -> HardwareModel:
    """Another model."""
    return unit_models()[1]


@pytest.fixture
def take_in(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Takes in a file of these bytes or this text by the command; its exit status and what it printed."""
    numbers = itertools.count()

    def run(content: str | bytes, *arguments: str) -> tuple[int, str]:
        path = tmp_path / f"units{next(numbers)}.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        out = io.StringIO()
        try:
            call_command("import_units", str(path), *arguments, stdout=out)
        except SystemExit as ended:
            return int(str(ended.code)), out.getvalue()
        return 0, out.getvalue()

    return run


def refused() -> dict[int, str]:
    """All refused rows, by line."""
    return dict(UnitImportRefusal.objects.values_list("line", "reason"))


def test_units_are_made_of_rows_and_can_be_registered(
    take_in: Callable[..., tuple[int, str]], model: HardwareModel, organization: Organization, today: Any
) -> None:
    status, printed = take_in(f"serial,model,oak\nb8a4 4f00,{model.code},{OAK}\n")
    assert status == 0
    assert "1 rows: 1 units added, 0 known before, 0 refused." in printed
    unit = ManufacturedUnit.objects.get()
    assert (unit.serial, unit.hardware_model) == ("B8A44F00", model)
    assert keys.open_proof_key(unit.proof_key, unit.serial) == keys.proof_key(OAK)
    # Of the key itself nothing is in the database.
    assert OAK.replace("-", "") not in repr(ManufacturedUnit.objects.values())
    registered = register_unit(organization=organization, serial="B8A44F00", oak=OAK, actor=None, on=today)
    assert registered.made == unit


@pytest.mark.parametrize(
    "write",
    [
        lambda code: f"serial,model,oak\nS1,{code},{OAK}\nS2,{code},{OAK}\n".encode(),
        lambda code: f"\ufeffserial,model,oak\r\nS1,{code},{OAK}\r\n\r\nS2,{code},{OAK}".encode(),
        lambda code: f'"oak","Serial" , "MODEL"\n"{OAK}","S1","{code}"\n{OAK},S2,{code}\n'.replace(
            ' , "', ',"'
        ).encode(),
        lambda code: (
            f'\ufeffmodel,oak,serial\r\n{code.upper()},"{OAK}\r\n"," S\r\n1 "\r\n{code},{OAK},"S2"\r\n'.encode()
        ),
    ],
    ids=["plain", "mark-crlf-blank-line-no-last-end", "quoted-other-order", "line-ends-within-quotes"],
)
def test_the_forms_of_csv_that_spreadsheets_write(
    take_in: Callable[..., tuple[int, str]], model: HardwareModel, write: Callable[[str], bytes]
) -> None:
    status, printed = take_in(write(model.code))
    assert (status, refused()) == (0, {}), printed
    assert list(ManufacturedUnit.objects.order_by("serial").values_list("serial", "oak_digest")) == [
        ("S1", keys.oak_hash(OAK).digest),
        ("S2", keys.oak_hash(OAK).digest),
    ]


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"serial,model\nS1,m\n", b"S1,m,oak\n", b"serial;model;oak\n", "serial,model,oak\n".encode("utf-16"), b"\xff\xfe"],
    ids=["empty", "blank", "two-columns", "no-header", "semicolons", "utf-16", "bytes"],
)  # fmt: skip
def test_a_file_without_the_header_is_refused_whole(content: bytes, take_in: Callable[..., tuple[int, str]]) -> None:
    with pytest.raises(CommandError, match="serial, model and oak") as refusal:
        take_in(content)
    assert refusal.value.returncode == 2
    assert not UnitImport.objects.exists()


@pytest.mark.parametrize("blank", ["", " ", ",,", " , ,", '"","",""', ",,,,"])
def test_a_row_with_nothing_on_it_is_none(
    take_in: Callable[..., tuple[int, str]], model: HardwareModel, blank: str
) -> None:
    status, printed = take_in(f"serial,model,oak\nS1,{model.code},{OAK}\n{blank}\nS2,{model.code},{OAK}X\n")
    assert (status, refused()) == (0, {})
    assert "2 rows: 2 units added" in printed


@pytest.mark.parametrize("batch", ["1", "5000"])
def test_every_refused_row_is_told_with_its_line_and_the_others_are_taken_in(
    take_in: Callable[..., tuple[int, str]],
    model: HardwareModel,
    other_model: HardwareModel,
    tmp_path: Path,
    batch: str,
) -> None:
    take_in(f"serial,model,oak\nOLD,{model.code},{OAK}\nOLD2,{model.code},{OAK}\n")
    rows: list[tuple[bytes, str]] = [
        (f"S1,{model.code},{OAK}".encode(), ""),
        (f"S2,no-such-model,{OAK}".encode(), "The model “no-such-model” is not in the catalogue."),
        (f" ,{model.code},{OAK}".encode(), "The serial number is missing."),
        (f"{'9' * 65},{model.code},{OAK}".encode(), "The serial number is longer than 64 characters."),
        (f"S\x003,{model.code},{OAK}".encode(), "The serial number has characters that can't be printed."),
        (f"S4,{model.code},- -".encode(), "The owner authentication key is missing."),
        (f"S4,{model.code},7KQM-29XF-P4".encode(), "The owner authentication key is shorter than 12 characters."),
        (f"S4,{model.code},{'7' * 129}".encode(), "The owner authentication key is longer than 128 characters."),
        (f"S4,{model.code}".encode(), "The row has 2 columns instead of 3."),
        (f"S4,{model.code},{OAK},".encode(), "The row has 4 columns instead of 3."),
        (f"S4\xe9,{model.code},{OAK}".encode("latin-1"), "The row is not text in UTF-8."),
        (f's1,{model.code},"{OAK}"'.encode(), "The serial number stands in the file before; its first row counts."),
        (f"OLD,{other_model.code},{OAK}".encode(), "The serial number is known with another model."),
        (f"OLD,{model.code},{OAK}X".encode(), "The serial number is known with another owner authentication key."),
        (f"OLD,{model.code},{OAK}".encode(), ""),
        (f"OLD,{model.code},{OAK}".encode(), "The serial number stands in the file before; its first row counts."),
        # A quotation mark within a cell is none; one that opens a cell and is never closed takes its own line only.
        (f'S"5,{model.code},{OAK}'.encode(), ""),
        (f'"S6"x,{model.code},{OAK}'.encode(), "The row has a quotation mark that is not closed, or one too many."),
        (f'"S7,{model.code},{OAK}'.encode(), "The row has a quotation mark that is not closed, or one too many."),
        (f"S8,{model.code},{OAK}{' ' * MAXIMUM_ROW_BYTES}".encode(), "The row is longer than 4,096 bytes."),
        (f"S9,{model.code},{OAK}".encode(), ""),
        (f"S10,,{OAK}".encode(), "The model is missing."),
        (f'"S11,{model.code},{OAK}'.encode(), "The row has a quotation mark that is not closed, or one too many."),
    ]
    target = tmp_path / "refused.csv"
    status, printed = take_in(
        b"serial,model,oak\n" + b"\n".join(row for row, _reason in rows), "--refusals", str(target), "--batch", batch
    )
    expected = {line: reason for line, (_row, reason) in enumerate(rows, start=2) if reason}
    assert refused() == expected
    assert status == 1
    assert f"{len(rows)} rows: 3 units added, 1 known before, {len(expected)} refused." in printed
    assert "  line 3: The model “no-such-model” is not in the catalogue." in printed
    with target.open(encoding="utf-8", newline="") as file:
        assert [*csv.reader(file)] == [["line", "reason"], *([str(line), reason] for line, reason in expected.items())]
    assert set(ManufacturedUnit.objects.values_list("serial", flat=True)) == {"OLD", "OLD2", "S1", 'S"5', "S9"}
    # What was known is as it was.
    assert keys.open_proof_key(ManufacturedUnit.objects.get(serial="OLD").proof_key, "OLD") == keys.proof_key(OAK)


def outcome() -> dict[str, Any]:
    """All that an import leaves: figures, units with their keys in clear, refused rows."""
    figures = UnitImport.objects.order_by("-pk").values(
        "digest", "bytes_done", "lines_done", "added", "known", "refused"
    )[0]
    return figures | {
        "units": [
            (serial, digest, model, keys.open_proof_key(sealed, serial))
            for serial, digest, model, sealed in ManufacturedUnit.objects.order_by("serial").values_list(
                "serial", "oak_digest", "hardware_model", "proof_key"
            )
        ],
        "refusals": list(UnitImportRefusal.objects.order_by("line").values_list("line", "reason")),
    }


def test_the_size_of_the_batches_changes_nothing(take_in: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    path = tmp_path / "faults.csv"
    write_unit_file(path, 3000, with_faults=True)
    content = path.read_bytes()
    outcomes = []
    for rows in (17, 997, 5000):
        UnitImportRefusal.objects.all().delete()
        ManufacturedUnit.objects.all().delete()
        UnitImport.objects.all().delete()
        status, printed = take_in(content, "--batch", str(rows))
        assert status == 1
        # Five of a hundred rows are refused, one of them over two lines.
        assert "3,000 rows: 2,850 units added, 0 known before, 150 refused." in printed
        outcomes.append(outcome())
    assert outcomes[0]["lines_done"] == 3031
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_the_same_file_again_under_another_name_says_so_and_changes_nothing(
    take_in: Callable[..., tuple[int, str]], model: HardwareModel
) -> None:
    content = f"serial,model,oak\nS1,{model.code},{OAK}\nS1,{model.code},{OAK}\n"
    take_in(content)
    before = outcome(), list(UnitImport.objects.values())
    status, printed = take_in(content)
    assert "taken in before, as units0.csv, finished on" in printed
    assert "2 rows: 1 units added, 0 known before, 1 refused." in printed
    assert status == 1
    assert (outcome(), list(UnitImport.objects.values())) == before


def test_an_import_that_stopped_goes_on_where_it_was(
    take_in: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "faults.csv"
    write_unit_file(path, 1000, with_faults=True)
    take_in(path.read_bytes())
    whole = outcome()
    UnitImportRefusal.objects.all().delete()
    ManufacturedUnit.objects.all().delete()
    UnitImport.objects.all().delete()

    class Power(Exception):
        """It is cut."""

    original, writes = importing._write, itertools.count(1)

    def cut(*args: Any) -> None:
        original(*args)
        # Within the transaction, at every second one: what it wrote is gone, what the ones before wrote is not.
        if next(writes) % 2 == 0:
            raise Power

    monkeypatch.setattr(importing, "_write", cut)
    for _time in range(9):
        with pytest.raises(Power):
            take_in(path.read_bytes(), "--batch", "100")
    assert UnitImport.objects.get().bytes_done < path.stat().st_size
    monkeypatch.setattr(importing, "_write", original)
    status, printed = take_in(path.read_bytes(), "--batch", "100")
    assert status == 1
    assert "Going on after line" in printed
    assert outcome() == whole


def test_two_at_the_same_file_take_each_row_in_once(tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    write_unit_file(path, 50)
    with path.open("rb") as mine, path.open("rb") as others:
        begun = importing.begin_import(digest="d" * 64, size=path.stat().st_size, file_name="units.csv", actor=None)
        after_me = importing.take_in_batch(begun, UnitFile(mine), rows=20)
        with pytest.raises(importing.TakenInElsewhere):
            importing.take_in(begun, UnitFile(others), rows=20)
        assert ManufacturedUnit.objects.count() == 20
        assert importing.take_in(after_me, UnitFile(others), rows=20).added == 50
        with pytest.raises(importing.TakenInElsewhere):
            importing.take_in_batch(after_me, UnitFile(mine), rows=20)
    assert ManufacturedUnit.objects.count() == 50


def test_a_batch_costs_the_same_queries_however_many_rows_it_has(
    take_in: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    path = tmp_path / "units.csv"
    write_unit_file(path, 150)
    counts = []
    for rows in (10, 150):
        content = b"".join(path.read_bytes().splitlines(keepends=True)[: rows + 1])
        with CaptureQueriesContext(
            connection,
        ) as queries:
            take_in(content)
        counts.append(len(queries))
    # The second has ten known rows: looked for among those that stood here before, then in files under way, and marked.
    assert counts[1] <= counts[0] + 3


def test_what_the_command_can_not_do_it_says(take_in: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    existing = tmp_path / "there.csv"
    existing.touch()
    for arguments, sentence in (
        ((str(tmp_path / "nowhere.csv"),), "can't be read: No such file"),
        ((str(tmp_path),), "can't be read: Is a directory"),
        ((str(existing), "--refusals", str(existing)), "exists already"),
        ((str(existing), "--batch", "0"), "--batch has to be"),
    ):
        with pytest.raises(CommandError, match=sentence) as refusal:
            call_command("import_units", *arguments)
        assert refusal.value.returncode == 2


def test_oaks_of_test_files_are_told_apart() -> None:
    assert len({oak_of(number) for number in range(5000)}) == 5000
