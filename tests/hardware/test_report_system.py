"""manage.py report_system with devices one by one, a hardware unit and a software version (R5, R25)."""

import uuid
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from hardware.models import Placement
from products.device_lists import unpack
from products.models import System
from tests.conftest import FrozenClock
from tests.factories import Books

pytestmark = pytest.mark.django_db

START = date(2027, 3, 1)
SYSTEM = uuid.UUID("6f1c3f0e-7a55-4c3e-9d58-1f6b4a6f3c11")
LISTED = "id,model,type\ncam-1,Q1700,core-device\ncam-2,,core-device\n\nhorn,C1310,universal-device\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "devices.csv"


def run(*arguments: Any) -> str:
    out = StringIO()
    report = ("report_system", "--organization", "harbour", "--product", "camera-station", "--system", SYSTEM)
    call_command(*(str(argument) for argument in (*report, *arguments)), stdout=out)
    return out.getvalue()


def test_devices_are_counted_from_the_file_and_the_unit_counts(
    books: Books, file: Path, frozen_clock: FrozenClock
) -> None:
    file.write_text("\ufeff" + LISTED.replace("\n", "\r\n"), encoding="utf-8")
    books.unit(START, "SN-1", core=1)
    assert "2027-03-01" in run("--devices-file", file, "--unit", "sn-1", "--software-version", "6.2", "--name", "Gate")
    system = System.objects.get()
    assert (system.name, system.software_version) == ("Gate", "6.2")
    assert [tuple(device) for device in unpack(system.device_list.packed)] == [
        ("cam-1", "Q1700", "core-device"),
        ("cam-2", "", "core-device"),
        ("horn", "C1310", "universal-device"),
    ]
    assert books.stand(START).units.lacks[0].lacks == {"core-device": 1, "universal-device": 1}
    # --devices may be given beside it, and has to agree; an empty list is one, too.
    run("--devices-file", file, "--devices", "core-device=2", "universal-device=1")
    with pytest.raises(CommandError, match="says core-device=3, and the file lists core-device=2, universal-device=1"):
        run("--devices-file", file, "--devices", "core-device=3")
    # Lines without anything on them are none.
    file.write_text(LISTED + "\n   \n , ,\t\n,,\n")
    run("--devices-file", file, "--devices", "core-device=2", "universal-device=1")
    file.write_text("ID, Model ,type")
    run("--devices-file", file)
    assert books.stand(START).devices == {"core-device": 0, "universal-device": 0}


def test_what_is_no_device_is_refused_by_its_line(books: Books, file: Path, frozen_clock: FrozenClock) -> None:
    for content, words in (
        (b"", "Line 1: The first line has to be"),
        (b"serial,model,type\n", "Line 1: The first line has to be"),
        (b"id,model,type\na,b\n", "Line 2: It has 2 columns instead of 3."),
        (b"id,model,type\na,b,core-device,d\n", "Line 2: It has 4 columns instead of 3."),
        (b"id,model,type\n\n,b,core-device\n", "Line 3: A device needs an id"),
        (b"id,model,type\n" + b"x" * 121 + b",b,core-device\n", "Line 2: A device needs an id"),
        (b"id,model,type\na,\0,core-device\n", "Line 2: A device needs an id"),
        (b"id,model,type\na,b,core-device\na,c,core-device\n", "Line 3: The device .a. is listed twice."),
        (b"id,model,type\na,b,audio-device\n", "Line 2: The product has no license type .audio-device."),
        (b"id,model,type\na,b,core-device\n\xff,b,core-device\n", "Line 3: It is not text in UTF-8."),
        (b'id,model,type\na,b,core-device\nc,"d,core-device\n', "Line 3: It is no CSV"),
        (b"id,model,type\n" + b"x" * 200_000 + b",b,core-device\n", "Line 2: A cell is longer than 131,072 characters"),
    ):
        file.write_bytes(content)
        with pytest.raises(CommandError, match=words) as refused:
            run("--devices-file", file)
        assert str(refused.value).endswith("Nothing was changed.")
    file.write_text("id,model,type\n" + "".join(f"{number},,core-device\n" for number in range(100_001)))
    with pytest.raises(CommandError, match=r"Line 100002: A list of devices has at most 100,000\."):
        run("--devices-file", file)
    assert not System.objects.exists()


def test_other_refusals_say_what_is_wrong(books: Books, file: Path, frozen_clock: FrozenClock) -> None:
    for arguments, words in (
        ((), "Name the devices by --devices or --devices-file"),
        (("--devices-file", file), "can't be read: No such file"),
        (("--devices", "core-device=1", "--unit", "x" * 65), "A serial number has at most 64 characters"),
        (
            ("--devices", "core-device=1", "--software-version", "x" * 61),
            "A software version has at most 60 characters",
        ),
        (("--devices", "core-device=1", "--name", "x" * 121), "A system's name has at most 120 characters"),
    ):
        with pytest.raises(CommandError, match=words):
            run(*arguments)
    with file.open("wb") as large:
        large.truncate(33 * 1024 * 1024)
    with pytest.raises(CommandError, match="is larger than 32 MB"):
        run("--devices-file", file)
    assert not System.objects.exists()


def test_a_serial_number_is_measured_as_it_is_kept(books: Books, frozen_clock: FrozenClock) -> None:
    """Blanks are no part of it, and some letters become two in capitals."""
    run("--devices", "core-device=1", "--unit", " s n - 1 " * 9)
    assert Placement.objects.get().serial == "SN-1" * 9
    with pytest.raises(CommandError, match="A serial number has at most 64 characters"):
        run("--devices", "core-device=1", "--unit", "ß" * 64)


@pytest.mark.parametrize("option", ["--name", "--unit", "--software-version"])
def test_what_is_no_text_is_refused(books: Books, frozen_clock: FrozenClock, option: str) -> None:
    """A byte that is no UTF-8 reaches a command as half a character, which no database takes."""
    with pytest.raises(CommandError, match="has to be text in UTF-8"):
        run("--devices", "core-device=1", option, "Caf\udce9")
    assert not System.objects.exists()
