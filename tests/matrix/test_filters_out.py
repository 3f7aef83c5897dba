"""The same matrix with the application's own filters taken out: on PostgreSQL no foreign row appears all the same (R30).

A member of one organization asks with the ids of another one, in path, query, form and JSON, while no query of the portal is
narrowed to an organization any more. Without the database's policies the same leaks, so that this shows something.
"""

import pytest
from django.db import connection

from tests.matrix import progress
from tests.matrix.asking import Ask, ask, changes, remember, snapshot
from tests.matrix.cases import all_groups, foreign_in_path
from tests.matrix.drawing import chosen
from tests.matrix.group import Group
from tests.matrix.verdicts import Judge, tokens
from tests.matrix.world import STRANGERS, THEIRS, Persona, World
from tests.tenancy.rows import filters_taken_out, let_everybody_see_all, loaded_rows_of

pytestmark = pytest.mark.django_db
DRAWN = 120


def _groups(world: World) -> list[Group]:
    """What is asked with foreign ids, and the paths by themselves, in the path of one of the two organizations."""
    return [group for group in all_groups(world) if group.letter]


def _members(world: World, group: Group) -> list[Persona]:
    return [persona for persona in world.personas if persona.letter == group.letter]


def _told(world: World, group: Group, persona: Persona) -> tuple[set[str], set[str], int]:
    """What somebody is told of the other organization, which of its rows are read or changed, and the status."""
    other = STRANGERS if group.letter == THEIRS else THEIRS
    with loaded_rows_of(world.tenants[other].organization) as read, filters_taken_out():
        answer = ask(group.what, persona.session)
    said = group.what.said.lower()
    told = {text for text in tokens(world, answer.told, persona.letter) if text not in said}
    read |= {table for table, organization in answer.changed if world.letter_of(organization) == other}
    return told, read, answer.status


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite keeps no rows apart")
def test_no_foreign_row_appears(world: World, part: int | str, seed: int) -> None:
    if progress.is_done("unfiltered", part):
        return
    groups = _groups(world)
    remember(snapshot())
    wrong, cases = [], 0
    for group in chosen(groups, part, DRAWN, seed):
        for persona in _members(world, group):
            cases += 1
            told, read, status = _told(world, group, persona)
            usual = ask(group.what, persona.session).status
            if told or read or status != usual:
                wrong.append(f"{persona.name}: {group}: {status} instead of {usual}, tells {told}, reads {read}")
    assert not wrong, f"{len(wrong)} of {cases}:\n" + "\n".join(wrong[:100])
    progress.write("unfiltered", part, {"cases": cases})


def test_without_the_databases_policies_it_would(world: World) -> None:
    """On SQLite, which has none, at once. Judged as the whole matrix is: it notices what is found, told, read and changed."""
    let_everybody_see_all()
    some = ("revoke_registration_code", "system_details", "why")
    groups = [each for each in foreign_in_path(world) if each.route.name in some]
    remember(snapshot())
    judge, read = Judge(world), set()
    with filters_taken_out():
        for group in groups:
            if group.what.method == "GET":
                judge.group(group)
                read |= _told(world, group, world.administrator_of(group.letter))[1]
    noticed = {word for fault in judge.wrong for word in ("tells", "finds") if f", {word} " in fault}
    assert noticed == {"tells", "finds"}, judge.wrong
    assert "products.RegisteredProduct" in read
    # What the right person does is seen in the rows, and gone again.
    [control] = {each.control.url for each in groups if each.route.name == some[0] and each.control_letter == STRANGERS}
    changed = ask(Ask("POST", control), world.administrator_of(STRANGERS).session).changed
    assert ("hardware_registrationcode", world.tenants[STRANGERS].organization.pk) in changed
    assert not changes()
