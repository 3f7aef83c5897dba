"""Zips that nobody should upload, without end: names, sizes, flags and places that lie, nesting, bombs, damage. Seeded.

Written header by header: the library's own writer refuses most of what an attacker writes.
"""

import random
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from licensemgr.core.signed import MAXIMUM_BYTES
from tests.hardware.mutating import Mutator

STORED, DEFLATED = 0, 8
ENCRYPTED, UTF_8 = 0x1, 0x800
# Of the header before the file, of its line in the directory, and of the end of the directory: each field with its form.
LOCAL = {
    **{"signature": "4s", "version": "H", "flags": "H", "method": "H", "time": "H", "date": "H", "crc": "L"},
    **{"packed": "L", "unpacked": "L", "name_length": "H", "extra_length": "H"},
}
LISTED = {
    **{"signature": "4s", "made_by": "H", "version": "H", "flags": "H", "method": "H", "time": "H", "date": "H"},
    **{"crc": "L", "packed": "L", "unpacked": "L", "name_length": "H", "extra_length": "H", "comment_length": "H"},
    **{"disk": "H", "inner_attributes": "H", "attributes": "L", "place": "L"},
}
END = {
    **{"signature": "4s", "disk": "H", "first_disk": "H", "here": "H", "entries": "H", "length": "L", "place": "L"},
    "comment_length": "H",
}
LARGEST = {"H": 2**16 - 1, "L": 2**32 - 1, "Q": 2**64 - 1}
NAMES = (
    *(b"", b"/", b"//", b".", b"..", b"../../etc/passwd", b"/etc/passwd", b"C:\\windows\\win.ini", b"\\\\host\\share"),
    *(b"a.json", b"a.json", b"A.JSON", b"folder/", b"folder/a.json", b"a.json/", b" ", b"a\nb", b"\0", b"a\0b.json"),
    *(b"\xff\xfe", b"\xc3\xa9.json", b"\xe2\x80\xae.json", b"\xed\xa0\x80", b"<script>", b"%s%n", b"x" * 5000, b"CON"),
)


def record(form: dict[str, str], values: dict[str, int | bytes]) -> bytes:
    """A header; what is too large for its place is cut to it."""
    fitted = (
        value if isinstance(value, bytes) else value & LARGEST[form[name]]
        for name, value in ((name, values.get(name, 0)) for name in form)
    )
    return struct.pack("<" + "".join(form.values()), *fitted)


@dataclass
class Member:
    """One entry: its content, and in what its two headers say something else than what is true."""

    name: bytes
    content: bytes
    method: int = DEFLATED
    flags: int = 0
    extra: bytes = b""
    # The bytes in the place of its packed content.
    packed: bytes | None = None
    # Lies of the header before the file, and of its line in the directory.
    local: dict[str, int | bytes] = field(default_factory=dict)
    listed: dict[str, int | bytes] = field(default_factory=dict)
    # The name in the header before the file, where it is another.
    other_name: bytes | None = None

    def data(self) -> bytes:
        if self.packed is not None:
            return self.packed
        if self.method != DEFLATED:
            return self.content
        packer = zlib.compressobj(1, zlib.DEFLATED, -15)
        return packer.compress(self.content) + packer.flush()


def pack(members: Sequence[Member], end: dict[str, int | bytes] | None = None, comment: bytes = b"") -> bytes:
    """A zip of these, with their lies and those of its end."""
    body, directory = bytearray(), bytearray()
    for member in members:
        data, place = member.data(), len(body)
        local_name = member.name if member.other_name is None else member.other_name
        said: dict[str, int | bytes] = {
            **{"version": 20, "made_by": 20, "flags": member.flags, "method": member.method, "date": 0x21},
            **{"crc": zlib.crc32(member.content), "packed": len(data), "unpacked": len(member.content)},
            **{"extra_length": len(member.extra), "place": place},
        }
        local: dict[str, int | bytes] = {"signature": b"PK\x03\x04", "name_length": len(local_name)}
        body += record(LOCAL, said | local | member.local) + local_name + member.extra + data
        listed: dict[str, int | bytes] = {"signature": b"PK\x01\x02", "name_length": len(member.name)}
        directory += record(LISTED, said | listed | member.listed) + member.name + member.extra
    last: dict[str, int | bytes] = {
        **{"signature": b"PK\x05\x06", "here": len(members), "entries": len(members), "length": len(directory)},
        **{"place": len(body), "comment_length": len(comment)},
    }
    return bytes(body + directory) + record(END, last | (end or {})) + comment


class ZipMutator:
    """Makes zips from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.bodies = Mutator(seed)
        # Packed once; their content is never looked at again.
        self.bomb = Member(b"bomb.json", b"0" * (MAXIMUM_BYTES + 10))
        self.bomb.packed = self.bomb.data()
        self.levels: tuple[Callable[[], bytes], ...] = (
            *(self.names, self.lies, self.lies, self.lies_of_the_end, self.long_numbers, self.flags, self.nested),
            *(self.bombs, self.many, self.damaged, self.damaged, self.put_together),
        )

    def zips(self, number: int) -> Iterator[bytes]:
        """So many zips, the levels by turns."""
        for count in range(number):
            yield self.levels[count % len(self.levels)]()

    def content(self) -> bytes:
        """A good file in half of the cases, else a body that nobody should upload either."""
        if self.random.random() < 0.5:
            return self.random.choice(self.bodies.good)
        return self.random.choice(self.bodies.levels)()

    def members(self, most: int = 4) -> list[Member]:
        return [
            Member(b"%d.json" % number, self.content(), self.random.choice((STORED, DEFLATED, DEFLATED)))
            for number in range(self.random.randint(1, most))
        ]

    def names(self) -> bytes:
        """Names that lead elsewhere, are empty, come twice, are in no encoding; or differ in the two places."""
        members = self.members(6)
        for member in members:
            member.name = self.random.choice(NAMES)
            member.flags = self.random.choice((0, UTF_8))
            if self.random.random() < 0.2:
                member.other_name = self.random.choice(NAMES)
        return pack(members)

    def lies(self) -> bytes:
        """One to three fields of the headers say something else."""
        members = self.members()
        for _time in range(self.random.randint(1, 3)):
            member = self.random.choice(members)
            form, lies = self.random.choice(((LOCAL, member.local), (LISTED, member.listed)))
            self.lie(form, lies, len(member.content))
        return pack(members)

    def lies_of_the_end(self) -> bytes:
        """The end says that there are more or fewer entries, elsewhere, in a longer list; or is followed by something."""
        end: dict[str, int | bytes] = {}
        for _time in range(self.random.randint(0, 2)):
            self.lie(END, end, 100)
        comment = self.random.choice((b"", b"comment", b"PK\x05\x06" * 9, b"\0" * 65535, self.random.randbytes(30)))
        return pack(self.members(), end, comment)

    def lie(self, form: dict[str, str], lies: dict[str, int | bytes], truth: int) -> None:
        name = self.random.choice(sorted(form))
        if name == "signature":
            lies[name] = self.random.choice((b"PK\x03\x04", b"PK\x01\x02", b"PK\x06\x06", b"\0\0\0\0"))
            return
        largest = LARGEST[form[name]]
        around = (truth - 1, truth + 1, truth * 2, MAXIMUM_BYTES + 1)
        lies[name] = self.random.choice((*around, 0, 1, 2**31, largest, largest - 1, self.random.randint(0, largest)))

    def long_numbers(self) -> bytes:
        """Sizes and places in extra fields of 64 bits, and extra fields that are cut off, of a wrong length, or of a name."""
        members = self.members()
        member = self.random.choice(members)
        numbers = b"".join(
            struct.pack("<Q", self.random.choice((0, 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)))
            for _number in range(self.random.randint(0, 4))
        )
        kind = self.random.choice((1, 1, 1, 0x7075, 0x5455, self.random.randrange(2**16)))
        length = self.random.choice((len(numbers), len(numbers), len(numbers), 0, 7, 2**16 - 1))
        member.extra = struct.pack("<HH", kind, length) + numbers[: self.random.choice((len(numbers), 3, 40))]
        for name in self.random.sample(("packed", "unpacked", "place"), self.random.randint(0, 3)):
            member.listed[name] = LARGEST["L"]
        if self.random.random() < 0.2:
            # A line as it stands before the end of a long zip.
            locator = b"PK\x06\x07" + struct.pack("<LQL", 0, self.random.choice((0, 2**63, 10)), 1)
            whole = pack(members)
            place = whole.rindex(b"PK\x05\x06")
            return whole[:place] + locator + whole[place:]
        return pack(members)

    def flags(self) -> bytes:
        """Encrypted, patched, in a method that nobody has or that takes much memory."""
        members = self.members()
        member = self.random.choice(members)
        member.flags = self.random.choice(
            (ENCRYPTED, 0x8, 0x20, 0x40, 0x2000, ENCRYPTED | 0x8, self.random.randrange(2**16))
        )
        if self.random.random() < 0.5:
            member.method = self.random.choice((1, 6, 9, 12, 14, 93, 95, 97, 98, 99, self.random.randrange(2**16)))
        if self.random.random() < 0.3:
            member.local["flags"] = 0
        return pack(members)

    def nested(self) -> bytes:
        """A zip in a zip, up to five deep, by any name."""
        inner = pack(self.members())
        for _level in range(self.random.randint(1, 5)):
            inner = pack([Member(self.random.choice((b"inner.zip", b"a.json")), inner, STORED), *self.members(2)])
        return inner

    def bombs(self) -> bytes:
        """More than is said, more than is taken, and many entries that are one and the same place."""
        if self.random.random() < 0.2:
            # So long a file is said to be short, or as long as it may be.
            self.bomb.listed = {"unpacked": self.random.choice((1, 2**20, MAXIMUM_BYTES, LARGEST["L"]))}
            return pack([*self.members(2), self.bomb])
        if self.random.random() < 0.05:
            self.bomb.listed = {}
            return pack([self.bomb] * 6)
        place = self.random.choice((0, 0, 0, 1, 30, 100))
        same = [Member(b"0.json", self.content(), local={"place": 0}) for _entry in range(self.random.randint(2, 40))]
        for member in same:
            member.listed = {"place": place}
        return pack(same)

    def many(self) -> bytes:
        """As many entries as are taken, or more; some of them folders, which do not count."""
        number = self.random.choice((199, 200, 201, 260))
        return pack([Member(b"%d.json" % n if n % 50 else b"%d/" % n, b"{}", STORED) for n in range(number)])

    def damaged(self) -> bytes:
        """Bytes overwritten, taken out, put in, doubled; the end cut off."""
        return b"PK\x03\x04" + self.bodies.alter(pack(self.members())[4:])

    def put_together(self) -> bytes:
        """Two zips one after the other, a part of a zip, or noise that begins like one."""
        first, second = pack(self.members()), pack(self.members())
        return self.random.choice(
            (
                first + second,
                first[: self.random.randrange(4, len(first))],
                first[: self.random.randrange(4, len(first))] + second,
                b"PK\x03\x04" + self.random.randbytes(200),
                b"PK\x03\x04" + second[second.index(b"PK\x01\x02") :],
                first[:30] + first[first.rindex(b"PK\x05\x06") :],
            )
        )
