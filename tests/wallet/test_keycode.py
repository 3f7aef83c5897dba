"""The code of the license keys, checked against arithmetic written anew here.

The module computes in GF(32) with logarithms. Here products are carry-less
multiplications reduced bit by bit, so that a wrong table cannot agree with itself.
"""

import copy
import itertools
import pickle
import random
import re
import traceback
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wallet.keycode import (
    ALPHABET,
    Kind,
    MalformedKey,
    ParsedKey,
    Reason,
    Repair,
    generate,
    parse,
)

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 25


def multiply(a: int, b: int) -> int:
    """Multiply in GF(32): carry-less, then modulo x^5 + x^2 + 1."""
    product = 0
    for bit in range(5):
        if b >> bit & 1:
            product ^= a << bit
    for degree in range(8, 4, -1):
        if product >> degree & 1:
            product ^= 0b100101 << (degree - 5)
    return product


def power(base: int, exponent: int) -> int:
    result = 1
    for _ in range(exponent):
        result = multiply(result, base)
    return result


ROOTS = [power(2, exponent) for exponent in (1, 2, 3, 4)]
# How much each position weighs in each of the four checks.
COLUMNS = [[power(root, LENGTH - 1 - index) for root in ROOTS] for index in range(LENGTH)]
# The same for each error at each position, the four checks packed into one number.
PACKED = [
    [sum(multiply(error, weight) << (5 * check) for check, weight in enumerate(column)) for error in range(32)]
    for column in COLUMNS
]


def checks(values: list[int]) -> int:
    """Return zero exactly if the word has all four roots."""
    total = 0
    for index, value in enumerate(values):
        total ^= PACKED[index][value]
    return total


def values_of(key: str) -> list[int]:
    return [CROCKFORD.index(symbol) for symbol in key.replace("-", "")]


def text_of(values: list[int]) -> str:
    return "".join(CROCKFORD[value] for value in values)


def grouped(symbols: str) -> str:
    return "-".join(symbols[start : start + 5] for start in range(0, LENGTH, 5))


def completed(data: list[int]) -> list[int]:
    """Find the check symbols of 21 values by looking for the pair of pairs that fits."""
    wanted = checks([*data, 0, 0, 0, 0])
    first = {PACKED[21][a] ^ PACKED[22][b]: (a, b) for a, b in itertools.product(range(32), repeat=2)}
    for c, d in itertools.product(range(32), repeat=2):
        pair = first.get(wanted ^ PACKED[23][c] ^ PACKED[24][d])
        if pair is not None:
            return [*data, *pair, c, d]
    raise AssertionError("no check symbols fit")


def seeded_key(seed: int, kind: Kind = Kind.SUBSCRIPTION) -> str:
    return generate(kind, random=random.Random(seed).randrange)


def key_of(draws: list[int], kind: Kind = Kind.SUBSCRIPTION) -> str:
    remaining = iter(draws)
    return generate(kind, random=lambda bound: next(remaining))


def refusal_of(text: str) -> MalformedKey:
    with pytest.raises(MalformedKey) as caught:
        parse(text)
    return caught.value


def single_repairs(values: list[int]) -> set[tuple[int, ...]]:
    """Try every substitution and every swap, and keep the words of the code."""
    found = set()
    for index, value in itertools.product(range(LENGTH), range(32)):
        tried = [*values]
        tried[index] = value
        if not checks(tried):
            found.add(tuple(tried))
    for index in range(LENGTH - 1):
        tried = [*values]
        tried[index : index + 2] = [tried[index + 1], tried[index]]
        if not checks(tried):
            found.add(tuple(tried))
    return found


def with_errors(values: list[int], errors: dict[int, int]) -> list[int]:
    return [value ^ errors.get(index, 0) for index, value in enumerate(values)]


# Making keys.


def test_it_uses_the_alphabet_of_crockford() -> None:
    assert ALPHABET == CROCKFORD


@pytest.mark.parametrize("kind", list(Kind))
def test_it_makes_keys_in_five_groups_of_five_that_it_reads_back(kind: Kind) -> None:
    key = generate(kind)
    assert re.fullmatch(rf"[{CROCKFORD}]{{5}}(-[{CROCKFORD}]{{5}}){{4}}", key)
    parsed = parse(key)
    assert parsed.kind == kind
    assert parsed.symbols == key.replace("-", "")
    assert parsed.formatted == key
    assert parsed.tail == key[-5:]


def test_it_accepts_the_kind_as_text() -> None:
    assert parse(generate("hardware")).kind == "hardware"
    assert parse(generate("subscription")).kind == "subscription"


@pytest.mark.parametrize("kind", ["", "Hardware", "gift"])
def test_it_makes_no_key_of_an_unknown_kind(kind: str) -> None:
    with pytest.raises(ValueError, match="Kind"):
        generate(kind)


def test_it_tells_version_and_kind_by_the_first_symbol_alone() -> None:
    assert {seeded_key(seed, Kind.SUBSCRIPTION)[0] for seed in range(50)} == {"4"}
    assert {seeded_key(seed, Kind.HARDWARE)[0] for seed in range(50)} == {"5"}


def test_it_draws_twenty_times_one_of_thirty_two_which_is_a_hundred_bits() -> None:
    drawn: list[int] = []

    def draw(bound: int) -> int:
        assert bound == 32
        drawn.append((7 * len(drawn) + 3) % 32)
        return drawn[-1]

    key = generate(Kind.HARDWARE, random=draw)
    assert len(drawn) == 20
    assert values_of(key)[1:21] == drawn


def test_it_puts_every_symbol_in_each_random_place() -> None:
    def always(value: int) -> Callable[[int], int]:
        return lambda bound: value

    for value in range(32):
        key = generate(Kind.SUBSCRIPTION, random=always(value))
        assert values_of(key)[1:21] == [value] * 20


def test_it_draws_from_a_secure_source_unless_told_otherwise() -> None:
    assert len({generate(Kind.SUBSCRIPTION) for _ in range(200)}) == 200


# The code itself.


def test_it_makes_words_with_all_four_roots() -> None:
    for seed in range(200):
        for kind in Kind:
            assert checks(values_of(seeded_key(seed, kind))) == 0


def test_it_appends_the_only_check_symbols_that_fit() -> None:
    for seed in range(30):
        values = values_of(seeded_key(seed))
        assert completed(values[:21]) == values


def test_it_has_no_two_keys_that_differ_in_fewer_than_five_symbols() -> None:
    # A word of weight w exists exactly if some w columns depend on one another.
    for chosen in itertools.combinations(COLUMNS, 4):
        rows = [[*column] for column in chosen]
        for pivot in range(4):
            at = next((row for row in range(pivot, 4) if rows[row][pivot]), None)
            assert at is not None
            rows[pivot], rows[at] = rows[at], rows[pivot]
            for row in range(pivot + 1, 4):
                head, lead = rows[row][pivot], rows[pivot][pivot]
                rows[row] = [
                    multiply(lead, value) ^ multiply(head, above)
                    for value, above in zip(rows[row], rows[pivot], strict=True)
                ]


@pytest.mark.parametrize("place", range(20))
def test_it_changes_all_four_check_symbols_with_any_one_random_symbol(place: int) -> None:
    draws = [random.Random(place).randrange(32) for _ in range(20)]
    before = values_of(key_of(draws))
    for error in range(1, 32):
        after = values_of(key_of(with_errors(draws, {place: error})))
        assert sum(a != b for a, b in zip(before, after, strict=True)) == 5


# Noticing errors.


@pytest.mark.parametrize("seed", range(4))
def test_it_notices_every_wrong_symbol_and_points_at_it(seed: int) -> None:
    key = seeded_key(seed, Kind.HARDWARE)
    values = values_of(key)
    for index, error in itertools.product(range(LENGTH), range(1, 32)):
        refusal = refusal_of(text_of(with_errors(values, {index: error})))
        assert refusal.reason == Reason.CHECKSUM
        assert refusal.suggestion == key
        assert refusal.suggestion_position == index + 1
        assert refusal.suggestion_group == index // 5 + 1
        assert refusal.suggestion_repair == Repair.SUBSTITUTION


@pytest.mark.parametrize("seed", range(40))
def test_it_notices_every_swap_of_neighbours_and_points_at_it(seed: int) -> None:
    key = seeded_key(seed)
    symbols = key.replace("-", "")
    for index in range(LENGTH - 1):
        swapped = symbols[:index] + symbols[index + 1] + symbols[index] + symbols[index + 2 :]
        if swapped == symbols:
            assert parse(swapped).formatted == key
            continue
        refusal = refusal_of(grouped(swapped))
        assert refusal.reason == Reason.CHECKSUM
        assert refusal.suggestion == key
        assert refusal.suggestion_position == index + 1
        assert refusal.suggestion_group == index // 5 + 1
        assert refusal.suggestion_repair == Repair.SWAP


def test_it_can_notice_every_pair_of_wrong_symbols() -> None:
    for one, two in itertools.combinations(PACKED, 2):
        assert not set(one[1:]) & set(two[1:])


def test_it_notices_two_wrong_symbols_and_suggests_nothing_unless_they_are_a_swap() -> None:
    source = random.Random(21)
    for seed in range(60):
        key = seeded_key(seed)
        values = values_of(key)
        for _ in range(50):
            one, two = sorted(source.sample(range(LENGTH), 2))
            wrong = with_errors(values, {one: source.randrange(1, 32), two: source.randrange(1, 32)})
            is_swap = two == one + 1 and wrong[one : two + 1] == [values[two], values[one]]
            refusal = refusal_of(text_of(wrong))
            assert refusal.reason == Reason.CHECKSUM
            assert refusal.suggestion == (key if is_swap else None)


@pytest.mark.parametrize("count", [3, 4])
def test_it_notices_three_and_four_wrong_symbols(count: int) -> None:
    source = random.Random(count)
    values = values_of(seeded_key(count))
    for _ in range(2000):
        places = source.sample(range(LENGTH), count)
        wrong = with_errors(values, {place: source.randrange(1, 32) for place in places})
        assert refusal_of(text_of(wrong)).reason == Reason.CHECKSUM


# Suggesting.


def suggestion_expected(values: list[int]) -> str | None:
    repairs = single_repairs(values)
    if len(repairs) != 1:
        return None
    (repaired,) = repairs
    return grouped(text_of([*repaired])) if CROCKFORD[repaired[0]] in "45" else None


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_it_suggests_exactly_what_trying_every_slip_finds(count: int) -> None:
    source = random.Random(100 + count)
    for seed in range(30):
        values = values_of(seeded_key(seed))
        places = source.sample(range(LENGTH), count)
        wrong = with_errors(values, {place: source.randrange(1, 32) for place in places})
        if checks(wrong):
            assert refusal_of(text_of(wrong)).suggestion == suggestion_expected(wrong)


def test_it_suggests_exactly_what_trying_every_slip_finds_in_unrelated_texts() -> None:
    source = random.Random(7)
    for _ in range(150):
        values = [4, *(source.randrange(32) for _ in range(24))]
        if checks(values):
            assert refusal_of(text_of(values)).suggestion == suggestion_expected(values)


def test_it_never_finds_two_single_slips_behind_one_text() -> None:
    # The texts nearest to two keys: some way along the five symbols they differ in.
    source = random.Random(5)
    for seed in range(25):
        ours = values_of(seeded_key(seed))
        place = source.randrange(1, 21)
        theirs = completed(with_errors(ours[:21], {place: source.randrange(1, 32)}))
        apart = [index for index in range(LENGTH) if ours[index] != theirs[index]]
        assert len(apart) == 5
        for taken in itertools.chain.from_iterable(itertools.combinations(apart, count) for count in range(1, 5)):
            between = [theirs[i] if i in taken else ours[i] for i in range(LENGTH)]
            assert len(single_repairs(between)) <= 1
            assert refusal_of(text_of(between)).suggestion == suggestion_expected(between)


def test_it_suggests_nothing_for_two_errors_far_apart() -> None:
    values = values_of(seeded_key(3))
    for one, two in itertools.product(range(1, 32), repeat=2):
        refusal = refusal_of(text_of(with_errors(values, {2: one, 20: two})))
        assert refusal.suggestion is None
        assert refusal.suggestion_position is None
        assert refusal.suggestion_group is None
        assert refusal.suggestion_repair is None


def test_it_suggests_no_key_of_an_unknown_version_or_kind() -> None:
    source = random.Random(9)
    for first in range(32):
        values = completed([first, *(source.randrange(32) for _ in range(20))])
        wrong = with_errors(values, {12: 1})
        known = CROCKFORD[first] in "45"
        expected = grouped(text_of(values)) if known else None
        assert refusal_of(text_of(wrong)).suggestion == expected


def test_it_suggests_a_swap_of_the_first_two_symbols_only_if_it_leads_to_a_known_kind() -> None:
    values = completed([4, 5, *range(19)])
    swapped = [5, 4, *values[2:]]
    assert refusal_of(text_of(swapped)).suggestion == grouped(text_of(values))
    values = completed([9, 4, *range(19)])
    swapped = [4, 9, *values[2:]]
    assert refusal_of(text_of(swapped)).suggestion is None


# Reading what people type (rule R21).


def test_it_ignores_case_spaces_and_hyphens() -> None:
    key = seeded_key(1)
    bare = key.replace("-", "")
    for text in (
        bare,
        bare.lower(),
        key.lower(),
        key.swapcase(),
        key.replace("-", " "),
        f"  {key}  ",
        " - ".join(bare),
        f"-{bare}-",
    ):
        assert parse(text).formatted == key


@pytest.mark.parametrize(
    "separator",
    "\u00a0\u1680\u2000\u2003\u2007\u2009\u200a\u202f\u205f\u3000"
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad\ufe58\ufe63\uff0d",
)
def test_it_ignores_spaces_and_dashes_of_unicode(separator: str) -> None:
    key = seeded_key(2)
    assert parse(key.replace("-", separator)).formatted == key


def test_it_reads_look_alikes_as_the_digits_they_look_like() -> None:
    values = completed([4, *([0, 1] * 10)])
    text = text_of(values)
    for zero, one in itertools.product("0Oo", "1IiLl"):
        typed = text.replace("0", zero).replace("1", one)
        assert parse(typed).symbols == text


@pytest.mark.parametrize(
    "bad",
    [
        *"Uu!?.,_/+*#@",
        "\x00",
        "\t",
        "\n",
        "\r",
        "\x1b",
        "\x7f",
        "\x85",
        "\u200b",  # zero width space
        "\u200e",
        "\u2028",
        "\ufeff",
        "\ud800",  # half of a surrogate pair
        "\uff14",  # full-width 4
        "\uff21",  # full-width A
        "\u0664",  # Arabic-Indic 4
        "\u00b2",
        "\u0131",  # dotless i: its upper case is I
        "\u017f",  # long s: its upper case is S
        "\u212a",  # Kelvin sign: its lower case is k
        "\u00df",
        "\u0410",  # Cyrillic A
        "\u039f",  # Greek O
        "\U0001d7d2",
        "\U0001f511",
    ],
)
def test_it_refuses_any_other_character_and_says_where(bad: str) -> None:
    bare = seeded_key(4).replace("-", "")
    for index in range(LENGTH):
        refusal = refusal_of(grouped(bare[:index] + bad + bare[index + 1 :]))
        assert refusal.reason == Reason.SYMBOL
        assert refusal.position == index + 1
        assert refusal.suggestion is None
    assert refusal_of(bare + bad).position == LENGTH + 1


def test_it_points_at_the_first_bad_symbol_even_if_the_length_is_wrong_too() -> None:
    refusal = refusal_of("4AU-U")
    assert (refusal.reason, refusal.position) == (Reason.SYMBOL, 3)


@pytest.mark.parametrize("text", ["", " ", "-----", "\u00a0\u2014 "])
def test_it_says_that_there_is_no_key_at_all(text: str) -> None:
    assert refusal_of(text).reason == Reason.EMPTY


@pytest.mark.parametrize("length", [1, 5, 20, 24, 26, 50, 200])
def test_it_counts_the_symbols_of_a_key_of_the_wrong_length(length: int) -> None:
    refusal = refusal_of("4" * length)
    assert (refusal.reason, refusal.length) == (Reason.LENGTH, length)


def test_it_does_not_count_separators_as_symbols() -> None:
    assert refusal_of("4 4-4").length == 3


@pytest.mark.parametrize("character", ["4", " ", "U", "\x00", "\ud800"])
def test_it_refuses_long_texts_whatever_is_in_them(character: str) -> None:
    for length in (201, 5_000_000):
        refusal = refusal_of(character * length)
        assert (refusal.reason, refusal.length) == (Reason.LENGTH, length)


def test_it_reads_a_key_among_as_many_separators_as_the_longest_text_holds() -> None:
    key = seeded_key(6)
    assert parse(key.ljust(200)).formatted == key
    assert refusal_of(key.ljust(201)).reason == Reason.LENGTH


def test_it_refuses_right_check_symbols_with_an_unknown_version_or_kind() -> None:
    for first in range(32):
        text = text_of(completed([first, *range(20)]))
        if CROCKFORD[first] in "45":
            assert parse(text).symbols == text
        else:
            assert refusal_of(text).reason == Reason.VERSION
    assert refusal_of("0" * LENGTH).reason == Reason.VERSION


@given(
    st.one_of(
        st.text(),
        st.text(alphabet=st.characters()),
        st.text(alphabet=st.characters(categories=["Cs", "Cc", "Cf", "Zs", "Pd", "Nd"])),
        st.text(alphabet=CROCKFORD + "oOiIlLuU -", min_size=20, max_size=40),
        st.text(alphabet=CROCKFORD, min_size=LENGTH, max_size=LENGTH),
    )
)
@example("\ud800" * LENGTH)
@example("\x00")
def test_it_answers_any_text_with_a_key_or_a_refusal(text: str) -> None:
    answer: ParsedKey | MalformedKey
    try:
        answer = parse(text)
    except MalformedKey as refusal:
        answer = refusal
    if isinstance(answer, ParsedKey):
        assert checks(values_of(answer.symbols)) == 0
        assert parse(answer.formatted) == answer
        return
    assert isinstance(answer.reason, Reason)
    assert (answer.length is not None) == (answer.reason == Reason.LENGTH)
    assert (answer.position is not None) == (answer.reason == Reason.SYMBOL)
    if answer.suggestion is not None:
        assert answer.reason == Reason.CHECKSUM
        assert parse(answer.suggestion).formatted == answer.suggestion


@given(
    st.sampled_from(list(Kind)),
    st.lists(st.integers(0, 31), min_size=20, max_size=20),
    st.lists(st.sampled_from(["", "-", " ", "\u2013", "\u00a0"]), min_size=25, max_size=25),
    st.booleans(),
)
def test_it_reads_every_key_however_it_is_spaced(
    kind: Kind, drawn: list[int], separators: list[str], lower: bool
) -> None:
    key = key_of(drawn, kind)
    pairs = zip(key.replace("-", ""), separators, strict=True)
    typed = "".join(symbol + separator for symbol, separator in pairs)
    parsed = parse(typed.lower() if lower else typed)
    assert (parsed.formatted, parsed.kind) == (key, kind)


# Keeping keys secret.


def test_it_keeps_the_key_out_of_its_representation() -> None:
    key = seeded_key(8)
    shown = repr(parse(key)) + str(parse(key))
    assert key.replace("-", "") not in shown
    assert key[-5:] not in shown


def test_it_keeps_text_and_suggestion_out_of_the_message() -> None:
    key = seeded_key(8)
    values = values_of(key)
    refusal = refusal_of(text_of(with_errors(values, {10: 3})))
    assert refusal.suggestion == key
    assert str(refusal) == "checksum"
    assert key not in repr(refusal)
    shown = "".join(traceback.format_exception(refusal))
    assert key not in shown
    assert text_of(values) not in shown


def test_it_makes_refusals_that_survive_copying() -> None:
    refusal = refusal_of(text_of(with_errors(values_of(seeded_key(8)), {10: 3})))
    for twin in (copy.copy(refusal), pickle.loads(pickle.dumps(refusal))):  # noqa: S301 - our own
        assert vars(twin) == vars(refusal)


def test_it_makes_parsed_keys_that_cannot_be_changed() -> None:
    parsed = parse(seeded_key(8))
    with pytest.raises(AttributeError):
        parsed.kind = Kind.HARDWARE  # type: ignore[misc]
    assert isinstance(parsed, ParsedKey)
