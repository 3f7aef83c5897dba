"""Positions on the earth and the distances between them. Plain numbers, no database."""

import math
import re
from dataclasses import dataclass

# The mean radius of the earth; distances are those on a sphere, at most half a percent from the true ones.
_EARTH_RADIUS_KM = 6371.0088
KM_PER_MILE = 1.609344
# Digits of ASCII only: “５５”, “NaN”, “1e400” and “1_0” are numbers to Python, and no degrees.
_DEGREES = re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]{1,20})?")


@dataclass(frozen=True)
class Position:
    """Degrees north (-90 to 90) and east (-180 to 180)."""

    latitude: float
    longitude: float

    @classmethod
    def read(cls, latitude: str, longitude: str) -> "Position | None":
        """The position that two texts name, in degrees with a decimal point; None where they name none."""
        latitude, longitude = latitude.strip(), longitude.strip()
        if not _DEGREES.fullmatch(latitude) or not _DEGREES.fullmatch(longitude):
            return None
        read = cls(float(latitude), float(longitude))
        return read if abs(read.latitude) <= 90 and abs(read.longitude) <= 180 else None

    def km_to(self, latitude: float, longitude: float) -> float:
        """Kilometres to another position along the surface (haversine)."""
        north, other_north = math.radians(self.latitude), math.radians(latitude)
        half_north = math.sin((other_north - north) / 2)
        half_east = math.sin(math.radians(longitude - self.longitude) / 2)
        part = half_north * half_north + math.cos(north) * math.cos(other_north) * half_east * half_east
        return 2 * _EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(part)))
