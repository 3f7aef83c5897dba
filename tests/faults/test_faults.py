"""The tests catch every seeded fault: each is applied alone, in a copy of the tree, and its tests have to fail.

The suite draws some by its seed, ``make proof`` applies all: on SQLite those that show there, on PostgreSQL the others.
"""

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from tests.faults.catalogue import FAULTS
from tests.faults.fault import ROOT, Fault, Kind, On, is_a_test
from tests.faults.trying import Copy

# How many faults a run of the suite draws on each database.
DRAWN = {On.SQLITE: 8, On.POSTGRESQL: 2}
HERE = On(connection.vendor)
AT_LEAST_IN_ALL, AT_LEAST_OF_A_KIND = 60, 4


def _id(fault: Fault) -> str:
    return f"{fault.kind}-{fault.name}".replace(" ", "_")


def _drawn(config: pytest.Config) -> list[Fault]:
    """Those that this run applies: some by its seed; all in ``make proof``, and where somebody chooses by -k."""
    shown = [fault for fault in FAULTS if fault.on is HERE]
    if os.environ.get("PROOF") or config.getoption("keyword"):
        return shown
    return random.Random(getattr(config.option, "randomly_seed", 0)).sample(shown, DRAWN[HERE])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each fault that is drawn, and one for all of them together."""
    if "drawn" in metafunc.fixturenames:
        metafunc.parametrize("drawn", _drawn(metafunc.config), ids=_id)
    if "all_drawn" in metafunc.fixturenames:
        metafunc.parametrize("all_drawn", [_drawn(metafunc.config)], ids=["drawn"])


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Copy]:
    """The copy in which this worker breaks one thing after the other."""
    migrated = str(connection.settings_dict["NAME"]) if HERE is On.SQLITE else None
    folder = tmp_path_factory.mktemp("faults")
    yield Copy(folder, migrated=migrated, name=f"faults_{os.getpid()}")
    shutil.rmtree(folder)


def test_the_list_is_long_and_wide_enough() -> None:
    kinds = Counter(fault.kind for fault in FAULTS)
    assert len(FAULTS) >= AT_LEAST_IN_ALL
    assert {kind: count for kind in Kind if (count := kinds[kind]) < AT_LEAST_OF_A_KIND} == {}
    assert len(set(map(_id, FAULTS))) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=_id)
def test_its_text_is_there_once_and_its_tests_are_there(fault: Fault) -> None:
    assert fault.text != fault.replacement
    fault.broken((ROOT / fault.path).read_text(encoding="utf-8"))
    assert fault.tests
    assert [test for test in fault.tests if not is_a_test(test)] == []


def test_no_two_are_in_one_function() -> None:
    places = Counter(fault.place() for fault in FAULTS)
    assert [place for place, times in places.items() if times > 1] == []


def test_a_text_that_is_gone_or_there_twice_is_no_fault() -> None:
    fault = Fault("x", Kind.LOCK, "x.py", "here", "there", ())
    assert fault.broken("it is here.") == "it is there."
    for source in ("it is gone.", "here and here"):
        with pytest.raises(ValueError, match="the text stands"):
            fault.broken(source)


def test_a_fault_that_nobody_notices_is_told(copy: Copy, tmp_path: Path) -> None:
    """Comments are no code: a run with such a fault passes, and so it would not count as caught."""
    harmless = Fault(
        "harmless",
        Kind.COMPARISON,
        "wallet/rules.py",
        "STORAGE_YEARS = 5  # R22",
        "STORAGE_YEARS = 5  # R",
        ("tests/wallet/test_services.py::TestTake::test_the_earliest_expiry_first_then_the_older_lot",),
    )
    outcome = copy.run_with(harmless)
    assert (outcome.status, outcome.passed, outcome.failed) == (0, 1, 0), outcome.printed


def test_without_a_fault_their_tests_pass_in_the_copy(copy: Copy, all_drawn: list[Fault]) -> None:
    """Else one would count as caught by a test that fails there anyway."""
    outcome = copy.run(dict.fromkeys(test for fault in all_drawn for test in fault.tests), HERE)
    assert outcome.status == pytest.ExitCode.OK and outcome.passed, outcome.printed


def test_its_tests_notice(copy: Copy, drawn: Fault) -> None:
    outcome = copy.run_with(drawn)
    assert outcome.status == pytest.ExitCode.TESTS_FAILED and outcome.failed, (
        f"The tests did not catch the fault “{drawn.name}” ({drawn.kind}) in {drawn.path}:\n{outcome.printed}"
    )
