"""Which groups a run asks: some by its seed, in ``make proof`` all, slice by slice."""

import random

from tests.matrix.group import Group

SLICES = 40
# In a draw the admin site, which has more URLs than all the rest, gets no more than this part.
_OF_ADMIN = 0.25


def chosen(groups: list[Group], part: int | str, count: int, seed: int) -> list[Group]:
    """A slice of all groups, or so many of them by a seed.

    They are in their order, so that a control is asked once for those beside each other.
    """
    if isinstance(part, int):
        return groups[len(groups) * part // SLICES : len(groups) * (part + 1) // SLICES]
    chance = random.Random(seed)
    admin = [group for group in groups if group.route.path.startswith("admin/")]
    others = [group for group in groups if not group.route.path.startswith("admin/")]
    of_admin = min(len(admin), int(count * _OF_ADMIN))
    found = {*chance.sample(admin, of_admin), *chance.sample(others, count - of_admin)}
    return [group for group in groups if group in found]
