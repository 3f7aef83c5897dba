"""Every dependency is listed with its license, and all licenses are ones under which the portal may be run and changed."""

import re

from tests import dependencies

FREE = re.compile(
    r"MIT|BSD|Apache|ISC|MPL|Mozilla|PSF|LGPL|0BSD|CC0|Artistic|BlueOak|Unlicense|Python-2|CC-BY", re.IGNORECASE
)


def test_the_list_is_what_the_locks_and_the_packages_say() -> None:
    assert dependencies.PAGE.read_text(encoding="utf-8") == dependencies.page(), "make dependencies writes it anew"


def test_every_package_that_is_installed_has_a_free_license() -> None:
    """The LGPL of psycopg binds who changes psycopg; nothing here does."""
    packages = {*dependencies.locked("base"), *dependencies.locked("dev")}
    assert len(packages) > 100
    said = {package.name: dependencies.license_of(package.name) for package in packages}
    assert [name for name, license in said.items() if license is not None and not FREE.search(license)] == []
    for line in dependencies._of_npm():
        assert FREE.search(line.split("|")[1]), line


def test_the_locks_hold_one_version_of_each() -> None:
    base, dev = ({it.name: it.version for it in dependencies.locked(name)} for name in ("base", "dev"))
    assert base.items() <= dev.items()
