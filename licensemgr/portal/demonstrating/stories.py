"""What the demonstration tells of each of its organizations, dated from today backwards."""

from datetime import date, timedelta

from licensemgr.core.calendar import anniversary
from licensemgr.portal.demonstrating.steps import (
    Step,
    Story,
    allocate,
    expand,
    join,
    redeem,
    remove,
    report,
    retire,
    start,
    unit,
    upload,
)
from products.models import LicenseKind, SystemSource

CAMERA, AUDIO, ACCESS, SITE = "camera-station", "audio-manager", "access-manager", "site-monitor"
RECORDER = "recording-server"


def days(count: int) -> timedelta:
    """So many days."""
    return timedelta(days=count)


def years(first_day_of_current_year: date, ended: int) -> list[date]:
    """The anchor, and each renewal date up to the current year's first day, after ``ended`` whole years."""
    anchor = anniversary(first_day_of_current_year, -ended)
    return [anniversary(anchor, number) for number in range(ended + 1)]


def harbour(today: date) -> Story:
    """Licensed with growth, an exceeded allowance, a start ten days ago, a running trial; licensed by hardware."""
    story = Story()
    first, second, third, fourth = years(today - days(120), 3)
    story.at(first - days(20), report(CAMERA, "Terminal north", core_device=40, universal_device=8))
    story.at(first - days(2), redeem(CAMERA, "PO-1041", core_device=60, universal_device=12))
    story.at(first, start(CAMERA))
    story.at(first + days(5), allocate(CAMERA, 0))
    story.at(first + days(100), report(CAMERA, "Terminal south", core_device=24, universal_device=6))
    story.at(second - days(10), redeem(CAMERA, "PO-1187", core_device=150, universal_device=30))
    story.at(second + days(7), allocate(CAMERA, 0))
    story.at(second + days(200), report(CAMERA, "Container yard", core_device=30))
    story.at(third - days(30), redeem(CAMERA, "PO-1302", core_device=200, universal_device=40))
    story.at(third + days(3), allocate(CAMERA, 0))
    story.at(third + days(40), redeem(CAMERA, "PO-1319", LicenseKind.HARDWARE, core_device=16))
    story.at(fourth - days(15), allocate(CAMERA, 1))
    story.at(fourth + days(60), join(CAMERA, "Quay 7", silent_for=days(9), core_device=12))

    by_hand = SystemSource.MANUAL
    story.at(first + days(60), report(AUDIO, "Public address", by_hand, audio_device=10))
    story.at(first + days(70), start(AUDIO))
    story.at(first + days(75), redeem(AUDIO, "PO-1066", audio_device=10))
    # After the grace period, so that days are given back (R19).
    story.at(first + days(150), allocate(AUDIO, 0))
    story.at(second + days(5), redeem(AUDIO, "PO-1201", audio_device=10), allocate(AUDIO, 0))
    story.at(third + days(8), redeem(AUDIO, "PO-1310", audio_device=20), allocate(AUDIO, 0))
    story.at(fourth + days(10), allocate(AUDIO, 0))
    story.at(fourth + days(100), report(AUDIO, "Public address", by_hand, audio_device=25))

    story.at(today - days(25), join(ACCESS, "Gatehouse", silent_for=timedelta(hours=1), door_controller=8, intercom=2))
    story.at(today - days(10), start(ACCESS))
    story.at(today - days(9), redeem(ACCESS, "PO-1455", door_controller=5))
    story.at(today - days(5), report(SITE, "Yard monitor", by_hand, site_device=6))
    story.at(today - days(3), upload(SITE, "Tugboat", site_device=2))

    # One unit that lacks licenses beside a subscription that does not; the wallet holds them.
    story.at(fourth + days(20), unit("s1208-tower", "S1208-40417"))
    story.at(fourth + days(22), _gate_recorder(7))
    story.at(fourth + days(90), _gate_recorder(11))

    # One unit that was expanded, one that is not installed yet, one whose life ended.
    old, quay = "R2108-10093", "R2116-20551"
    story.at(third - days(200), unit("r2108-appliance", old))
    story.at(third - days(195), report(RECORDER, "Old quay recorder", unit=old, version="3.9", camera_channel=6))
    story.at(fourth - days(60), unit("r2116-appliance", quay))
    story.at(fourth - days(55), remove(RECORDER, "Old quay recorder"), retire(old))
    story.at(fourth - days(55), report(RECORDER, "Quay recorder", unit=quay, version="4.1", camera_channel=14))
    story.at(fourth + days(30), redeem(RECORDER, "PO-1402", LicenseKind.HARDWARE, camera_channel=8))
    story.at(
        fourth + days(31),
        report(
            RECORDER,
            "Quay recorder",
            unit=quay,
            version="4.2",
            devices_listed=True,
            camera_channel=20,
            analytics_channel=2,
        ),
        expand(quay, camera_channel=4),
    )
    story.at(today - days(3), unit("r2108-appliance", "R2108-20777"))
    return story


def _gate_recorder(devices: int) -> Step:
    return report(CAMERA, "Gate recorder", unit="S1208-40417", version="6.4", devices_listed=True, core_device=devices)


def schools(today: date) -> Story:
    """Renewed twelve days ago: renewal grace, nothing needed, licensed ahead; a trial that ended; hardware that lacks licenses."""
    story = Story()
    first, second, _third = years(today - days(12), 2)
    story.at(first - days(25), report(CAMERA, "High school", core_device=40, universal_device=12))
    story.at(first - days(24), report(CAMERA, "Middle school", core_device=20, universal_device=8))
    story.at(first - days(3), redeem(CAMERA, "ACS-2201", core_device=100, universal_device=40))
    story.at(first, start(CAMERA))
    story.at(first + days(10), allocate(CAMERA, 0))
    story.at(second - days(5), redeem(CAMERA, "ACS-2310", core_device=60, universal_device=20))
    story.at(second + days(12), allocate(CAMERA, 0))

    story.at(first + days(40), report(AUDIO, "Bells", SystemSource.MANUAL, audio_device=6))
    story.at(first + days(45), start(AUDIO), redeem(AUDIO, "ACS-2217", audio_device=12))
    story.at(first + days(50), allocate(AUDIO, 0))
    story.at(second + days(20), allocate(AUDIO, 0))
    story.at(second + days(300), remove(AUDIO, "Bells"))

    story.at(second + days(30), report(ACCESS, "District office", door_controller=16, intercom=4))
    story.at(second + days(40), start(ACCESS), redeem(ACCESS, "ACS-2344", door_controller=40, intercom=10))
    story.at(second + days(45), allocate(ACCESS, 0))
    story.at(second + days(330), allocate(ACCESS, 1))

    story.at(today - days(60), report(SITE, "Bus depot", site_device=5))

    stadium = "R2108-30118"
    story.at(second + days(60), unit("r2108-appliance", stadium))
    story.at(second + days(61), report(RECORDER, "Stadium", unit=stadium, version="4.1", camera_channel=8))
    story.at(second + days(200), redeem(RECORDER, "ACS-2390", LicenseKind.HARDWARE, camera_channel=2))
    story.at(
        today - days(8),
        report(
            RECORDER,
            "Stadium",
            unit=stadium,
            version="4.2",
            devices_listed=True,
            camera_channel=11,
            analytics_channel=1,
        ),
    )
    return story


def hotels(today: date) -> Story:
    """Not licensed since the last renewal, licensed three years ahead, not started; stored licenses of all ages."""
    story = Story()
    first, second, third, fourth, fifth = years(today - days(200), 4)
    story.at(first - days(400), report(CAMERA, "Minato Tower", core_device=20, universal_device=10))
    # What is left of these has expired (R22).
    story.at(first - days(300), redeem(CAMERA, "MH-0007", core_device=90, universal_device=10))
    story.at(first, start(CAMERA))
    story.at(first + days(3), allocate(CAMERA, 0))
    # What is left of these expires within a year.
    story.at(first + days(100), redeem(CAMERA, "MH-0031", core_device=30, universal_device=60))
    story.at(second + days(4), allocate(CAMERA, 0))
    story.at(third + days(9), allocate(CAMERA, 0))
    story.at(fourth + days(28), allocate(CAMERA, 0))
    story.at(fourth + days(250), report(CAMERA, "Bay Annex", core_device=6))

    story.at(third + days(10), report(ACCESS, "Guest floors", door_controller=12, intercom=2))
    story.at(third + days(15), redeem(ACCESS, "MH-0052", door_controller=60, intercom=6))
    story.at(third + days(20), start(ACCESS))
    story.at(third + days(25), allocate(ACCESS, 0, 1, 2))
    story.at(fifth + days(50), report(ACCESS, "Guest floors", door_controller=15, intercom=2))

    story.at(today - days(90), report(AUDIO, "Lobby music", audio_device=14))
    return story


def museum(today: date) -> Story:
    """Has no product yet: sees what its first step is."""
    return Story(first_day=today - days(1))
