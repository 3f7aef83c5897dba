"""The long versions of what the suite samples, one after the other: ``make proof``.

The last figures of each part stand in docs/proof.md, by which a run that was interrupted goes on: what passed on the commit
that is checked out is not run again. ``make proof PARTS="guesses"`` runs some, ``FRESH=1`` all anew.
"""

import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "docs" / "proof.md"
COLUMNS = ("part", "what", "on", "closing line", "took", "seed", "commit", "date")
FAILED = "FAILED: "
POSTGRESQL = {
    "DATABASE_URL": os.environ.get("DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/postgres"),
    "REDIS_URL": os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/5"),
}


@dataclass(frozen=True)
class Part:
    """One long run of a part of the suite. ``environment`` makes the tests take their long form.

    ``arguments`` are pytest's; where ``is_program`` they are a module that pytest does not run, and what it is told; some such
    programs bring what they run on.
    """

    name: str
    what: str
    arguments: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    is_on_postgresql: bool = False
    is_program: bool = False
    brings: str = ""

    @property
    def database(self) -> str:
        """On what it runs."""
        return self.brings or ("PostgreSQL, Redis" if self.is_on_postgresql else "SQLite")


# What a run of the suite draws some of, and no other part runs.
HISTORIES = (
    "tests/rules/test_scenarios.py",
    "tests/rules/test_pages.py",
    "tests/rules/test_ten_years.py",
    "tests/portal/test_why.py",
    "tests/subscriptions/test_coverage.py",
    "tests/portal/test_lists.py",
    "tests/bad_input/test_requests.py",
    "tests/operations/test_demonstration.py",
    "tests/hardware/test_license_files.py",
    "tests/api/test_load.py",
    "tests/bad_input/test_confirmations.py",
    "tests/bad_input/test_keys.py",
    "tests/concurrency/test_confirm_races.py",
    "tests/concurrency/test_work_races.py",
    "tests/gallery/test_states.py",
    "tests/portal/test_numbers.py",
    "tests/rules/test_told.py",
    "tests/test_admin.py",
    "tests/test_admin_support.py",
)
# As in the settings, which are not loaded here.
LANGUAGES = (
    ("en", "English"),
    ("sv", "Swedish"),
    ("de", "German"),
    ("fr", "French"),
    ("es", "Spanish"),
    ("ja", "Japanese"),
    ("ar", "Arabic"),
)
PARTS = (
    Part(
        "histories",
        "2,000 random histories of 50 steps against the model",
        ("tests/rules/test_state_machine.py",),
        {"SOAK_RUNS": "2000"},
    ),
    Part(
        "histories-postgresql",
        "500 random histories of 50 steps against the model",
        ("tests/rules/test_state_machine.py",),
        {"SOAK_RUNS": "500"},
        is_on_postgresql=True,
    ),
    Part(
        "operations",
        "900,000 random operations against the model",
        ("tests.rules.operations", "alone", "900000"),
        is_program=True,
    ),
    Part(
        "operations-at-once",
        "100,000 random operations by 16 clients at once, replayed by the model in the order of the locks",
        ("tests.rules.operations", "at-once", "100000"),
        is_program=True,
    ),
    Part(
        "operations-postgresql",
        "900,000 random operations against the model",
        ("tests.rules.operations", "alone", "900000"),
        is_on_postgresql=True,
        is_program=True,
    ),
    Part(
        "operations-at-once-postgresql",
        "100,000 random operations by 16 clients at once, replayed by the model in the order of the locks",
        ("tests.rules.operations", "at-once", "100000"),
        is_on_postgresql=True,
        is_program=True,
    ),
    Part("slow", "all histories of the independent model, on books and pages, and all else that is drawn", HISTORIES),
    Part(
        "slow-postgresql",
        "all histories of the independent model, on books and pages, and all else that is drawn",
        HISTORIES,
        is_on_postgresql=True,
    ),
    Part("units", "a million units imported, killed at 30 % and 70 %", ("tests/hardware/test_import_killed.py",)),
    Part(
        "units-postgresql",
        "a million units imported, killed at 30 % and 70 %",
        ("tests/hardware/test_import_killed.py",),
        is_on_postgresql=True,
    ),
    Part(
        "filters",
        "1,000 random searches, filters, sorts and columns of all lists: pages, CSV and XLSX",
        ("tests/filters",),
        {"FILTERS": "1000"},
    ),
    Part(
        "filters-postgresql",
        "1,000 random searches, filters, sorts and columns of all lists: pages, CSV and XLSX",
        ("tests/filters",),
        {"FILTERS": "1000"},
        is_on_postgresql=True,
    ),
    Part("journeys", "every browser test", ("tests/journeys",)),
    *(
        Part(
            f"pages-{code}",
            f"axe on every page in every state in {name}: two themes, two widths (one test is four looks)",
            ("tests/gallery/test_pages.py",),
            {"GALLERY_LANGUAGES": code},
        )
        for code, name in LANGUAGES
    ),
    Part(
        "lighthouse",
        "100 of 100 points for accessibility and for best practices on every page",
        ("tests/gallery/test_lighthouse.py",),
    ),
    Part("files", "100,000 altered system files, 2,500 altered zips", ("tests/hardware/test_fuzzed_files.py",)),
    Part("api", "3,000 requests to each operation of the API", ("tests/api/test_schema.py",)),
    Part("guesses", "10,000 guesses of license keys by 50 threads", ("tests/concurrency/test_guesses.py",)),
    Part(
        "guesses-postgresql",
        "10,000 guesses of license keys by 50 threads",
        ("tests/concurrency/test_guesses.py",),
        is_on_postgresql=True,
    ),
    Part("matrix", "everybody asks everything by every method, with another organization's ids", ("tests/matrix",)),
    Part(
        "matrix-postgresql",
        "the same, and then once more with the application's own filters taken out",
        ("tests/matrix",),
        is_on_postgresql=True,
    ),
    Part("faults", "each seeded fault that SQLite shows, caught by its tests", ("tests/faults",)),
    Part(
        "faults-postgresql",
        "each seeded fault that PostgreSQL alone shows, caught by its tests",
        ("tests/faults",),
        is_on_postgresql=True,
    ),
    Part(
        "mutants", "mutmut over every rules.py and the allocation", ("tests.mutants",), is_program=True, brings="none"
    ),
    Part(
        "restores",
        "20 restores to random seconds under load, from one base backup",
        ("tests.restoring", "restores", "20"),
        is_program=True,
        brings="PostgreSQL",
    ),
    Part(
        "kills",
        "1,000 kills of processes of the portal, PostgreSQL and Redis under load, and what else fails",
        ("tests.rig", "kills", "1000"),
        is_program=True,
        brings="PostgreSQL, Redis",
    ),
    Part(
        "kills-sqlite",
        "200 kills of whoever writes to SQLite, eight people at once",
        ("tests.rig", "sqlite", "200"),
        is_program=True,
    ),
)


def main() -> int:
    """Run the parts that are not done yet, and write the report. Returns the exit status."""
    wanted = os.environ.get("PARTS", "").split()
    unknown = sorted(set(wanted) - {part.name for part in PARTS})
    if unknown:
        print(f"There is no part {', '.join(unknown)}. The parts are: {', '.join(part.name for part in PARTS)}.")
        return 2
    failed = False
    for part in PARTS:
        if (wanted and part.name not in wanted) or (not wanted and not os.environ.get("FRESH") and _is_done(part)):
            continue
        print(f"== {part.name}: {part.what} ==", flush=True)
        row = _run(part)
        failed = failed or row["closing line"].startswith(FAILED)
        # Read anew: another part may have been run beside this one.
        REPORT.write_text(report(_rows() | {part.name: row}), encoding="utf-8")
    print(f"The figures are in {REPORT.relative_to(ROOT)}.")
    return 1 if failed else 0


def read_rows(text: str) -> dict[str, dict[str, str]]:
    """The figures that a report holds, by part: a value for each of ``COLUMNS``."""
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in cells if len(row) == len(COLUMNS)]
    return {row["part"]: row for row in rows}


def _rows() -> dict[str, dict[str, str]]:
    return read_rows(REPORT.read_text(encoding="utf-8") if REPORT.exists() else "")


def _is_done(part: Part) -> bool:
    row = _rows().get(part.name)
    return row is not None and row["commit"] == commit() and not row["closing line"].startswith(FAILED)


def commit() -> str:
    """What is checked out, shortly."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


def _run(part: Part) -> dict[str, str]:
    environment = os.environ | {"MODE": "test", "PROOF": "1"} | part.environment
    if part.is_on_postgresql:
        environment |= POSTGRESQL
    else:
        environment = {name: value for name, value in environment.items() if name not in POSTGRESQL}
    seed = str(int(time.monotonic_ns()) % 2**31)
    environment["SEED"] = seed
    pytest = ("pytest", "-n", os.environ.get("JOBS", "2"), "-p", "randomly", f"--randomly-seed={seed}")
    command = [sys.executable, "-m", *(() if part.is_program else pytest), *part.arguments]
    # Others may commit while it runs.
    asked = commit()
    begun = time.monotonic()
    lines: list[str] = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.strip())
    closing = next(
        (line.strip("= ") for line in reversed(lines) if " passed" in line or " failed" in line), "no result"
    )
    # What a part counts beside its tests.
    figures = [line.removeprefix("Figures: ") for line in lines if line.startswith("Figures: ")]
    closing = "; ".join([closing, *figures]).replace(" | ", " / ")
    return {
        "part": part.name,
        "what": part.what,
        "on": part.database,
        "closing line": ("" if process.returncode == 0 else FAILED) + closing,
        "took": f"{time.monotonic() - begun:.0f} s",
        "seed": seed,
        "commit": asked,
        "date": os.environ.get("PROOF_DATE", "") or time.strftime("%Y-%m-%d"),
    }


def report(rows: dict[str, dict[str, str]]) -> str:
    """The text of docs/proof.md, in the order of the parts."""
    lines = [rows[part.name] for part in PARTS if part.name in rows]
    return "\n".join(
        [
            "# Proof",
            "",
            "The last figures of `make proof`, which runs the long versions of what the suite samples. It goes on where it was",
            'stopped; `make proof PARTS="guesses"` runs some parts, `make proof FRESH=1` all of them anew. The seed of a run is',
            "given to pytest as `--randomly-seed`, and to programs as `SEED`.",
            "",
            f"Machine: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}.",
            "",
            *(f"| {' | '.join(row)} |" for row in (COLUMNS, ["---"] * len(COLUMNS))),
            *(f"| {' | '.join(line[column] for column in COLUMNS)} |" for line in lines),
            "",
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
