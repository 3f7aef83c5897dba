"""Files of units for tests and the benchmark, and the import command in a process of its own."""

import os
import subprocess
import sys
import urllib.parse
from pathlib import Path

from django.conf import settings
from django.db import connection

from hardware.catalogue import ensure_hardware_model
from hardware.models import HardwareModel
from licensemgr.portal.playing import ensure_catalogue


def unit_models() -> tuple[HardwareModel, HardwareModel]:
    """Two hardware models of Camera Station: one with preloaded licenses, one without."""
    product = ensure_catalogue()["camera-station"]
    return ensure_hardware_model(product, {"core-device": 4}), ensure_hardware_model(product, {})


def oak_of(number: int) -> str:
    """The owner authentication key of a made-up unit."""
    symbols = f"{number * 0x9E3779B97F4A7C15 % 2**64:016X}"
    return "-".join(symbols[start : start + 4] for start in range(0, 16, 4))


def write_unit_file(path: Path, rows: int, *, with_faults: bool = False) -> None:
    """A file of so many units, their serial numbers in no order; with faults, about one row in twenty is refused."""
    codes = [model.code for model in unit_models()]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write("serial,model,oak\r\n")
        for number in range(rows):
            # Odd times anything is a permutation of the numbers below a power of two.
            serial = f"B8A44F{number * 2654435761 % 2**32:08X}"
            line = f"{serial},{codes[number % 2]},{oak_of(number)}\r\n"
            fault = number % 100 if with_faults else 100
            match fault:
                case 7:
                    line = f"{serial},no-such-model,{oak_of(number)}\r\n"
                case 23:
                    line = f'"{serial}",{codes[0]}\r\n'
                case 41:
                    line = f"{serial},{codes[0]},SHORT\r\n"
                case 58:
                    # Quoted with line ends and commas in it: no model has that code.
                    line = f'"{serial}","a\r\n""b"", c","{oak_of(number)}"\r\n'
                case 77:
                    line = f"B8A44F{(number - 70) // 2 * 2 * 2654435761 % 2**32:08X},{codes[0]},{oak_of(number)}\r\n"
            file.write(line)


def import_command(path: Path, *arguments: str) -> "subprocess.Popen[str]":
    """The command on the database of this process, started and not waited for."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "import_units", str(path), *arguments],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database_url()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def database_url() -> str:
    """The address of the database to which this process is connected: that of the tests."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urllib.parse.urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
