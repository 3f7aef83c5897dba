"""What fails without being ended: beats, tasks, the mail server, the disk, a process that hangs. As in kills.py."""

import dbm
import os
import pickle
import shelve
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from tests.processes.stack import MailServer
from tests.rig.points import CLAIMED_SECONDS
from tests.rig.portal import RUN_DAILY, SEND_OUTBOX, WORKERS
from tests.rig.rig import BACK_WITHIN, Rig

_BEHIND = (
    "SELECT slug, next_due_on FROM organizations_organization WHERE next_due_on <= '{today}' AND closed_on IS NULL"
)


def beat_down_for_ten_days(rig: Rig) -> str:
    """Ten days pass without beat: when it is back, by its own schedule, what became due is written down at once."""
    rig.portal.kill("beat1")
    for _day in range(10):
        rig.portal.let_pass(1)
        rig.work(0, 2)
    while not _aged(rig.portal.schedule("beat1"), timedelta(days=10)):
        # It ended as it wrote its schedule: it makes a new one.
        rig.portal.start_beat("beat1")
        time.sleep(10)
        rig.portal.kill("beat1")
    before = rig.portal.runs_of(RUN_DAILY)
    rig.portal.start_beat("beat1")
    seconds = _until(lambda: rig.portal.runs_of(RUN_DAILY) > before, "the daily job is not ordered", 60.0)
    assert not (behind := _behind(rig)), f"ten days later these are not settled: {behind}"
    return f"all organizations are settled, {seconds:.1f} s after beat was started"


def two_beats(rig: Rig) -> str:
    """A second beat for a while: everything that is due happens once."""
    rig.portal.start_beat("beat2")
    try:
        rig.portal.let_pass(rig.rng.randint(20, 60))
        runs = rig.portal.runs_of(SEND_OUTBOX)
        # Each of them orders something every 15 seconds, by a new schedule as by one that is kept.
        for _number in range(4):
            rig.portal.send_task(RUN_DAILY)
        _until(lambda: rig.portal.runs_of(SEND_OUTBOX) >= runs + 2, "no mail is sent", 60.0)
    finally:
        rig.portal.kill("beat2")
    assert not (behind := _behind(rig)), behind
    return "everybody is settled"


def task_ten_times(rig: Rig) -> str:
    """The daily job and the mail, each handed to the workers ten times at once."""
    runs = {task: rig.portal.runs_of(task) for task in (RUN_DAILY, SEND_OUTBOX)}
    rig.portal.let_pass(rig.rng.randint(20, 120))
    for _number in range(10):
        for task in runs:
            rig.portal.send_task(task)
    for task, before in runs.items():
        _until(partial(_ran, rig, task, before + 10), f"{task} is not done", 60.0)
    assert not (behind := _behind(rig)), behind
    return "everybody is settled"


def mail_server_down(rig: Rig) -> str:
    """Mails wait until there is a mail server again, and nobody else notices."""
    port = rig.portal.mail.server_address[1]
    rig.portal.mail.end()
    rig.work(8, 15)
    rig.jobs_run_again()
    seconds = rig.answers_again()
    rig.portal.mail = MailServer(port, rig.portal.mail.mails)
    rig.jobs_run_again()
    return f"people are answered meanwhile, after {seconds:.1f} s"


def disk_full(rig: Rig) -> str:
    """Not a byte is left for the books, the log of license files, uploads, logs; then there is room again."""
    assert rig.portal.has_own_disk
    rig.senders_ended += len(WORKERS)
    filler = rig.portal.disk / "filler"
    _fill(str(filler))
    time.sleep(1 + rig.rng.random() * 2)
    filler.unlink()
    # PostgreSQL may have ended itself, for want of room for its log.
    rig.portal.bring_database_back()
    return f"people are answered after {rig.answers_again():.1f} s, a job is done after {rig.jobs_run_again():.1f} s"


def web_child_hangs(rig: Rig) -> str:
    """A process of the web server stands still until after people gave up and asked others again; then it goes on."""
    pid = rig.rng.choice(rig.portal.children_of("web"))
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(rig.rng.uniform(1, 9))
    finally:
        os.kill(pid, signal.SIGCONT)
    return f"people are answered {rig.answers_again():.1f} s after it goes on"


def worker_hangs(rig: Rig) -> str:
    """A worker stands still with what it has in hand, others do the same again, and it goes on."""
    rig.see_workers(wait=True)
    process = rig.portal.stack.running[rig.rng.choice(WORKERS)]
    rig.senders_ended += 1
    rig.portal.let_pass(rig.rng.randint(20, 60))
    for _number in range(3):
        rig.portal.send_task(RUN_DAILY)
        rig.portal.send_task(SEND_OUTBOX)
    time.sleep(rig.rng.random() * 0.3)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        time.sleep(CLAIMED_SECONDS + 1)
        for _number in range(2):
            rig.portal.send_task(RUN_DAILY)
            rig.portal.send_task(SEND_OUTBOX)
        time.sleep(1)
    finally:
        os.kill(process.pid, signal.SIGCONT)
    rig.jobs_run_again(RUN_DAILY)
    return f"a job is done {rig.jobs_run_again():.1f} s after it goes on"


def _aged(schedule: Path, by: timedelta) -> bool:
    """Let beat's schedule say that it ran so much earlier; False where it can't be read."""
    try:
        with shelve.open(str(schedule), writeback=True) as kept:  # noqa: S301 - beat's own file
            for entry in kept["entries"].values():
                entry.last_run_at -= by
    except (KeyError, EOFError, pickle.UnpicklingError, *dbm.error):
        return False
    return True


def _behind(rig: Rig) -> list[str]:
    """Who is not settled up to today, after a while in which a job may still be on its way."""
    [(today,)] = rig.portal.ask(f"SELECT ((now() AT TIME ZONE 'UTC') + interval '{rig.portal.days} days')::date")
    rows: list[tuple[object, ...]] = []
    until = time.monotonic() + BACK_WITHIN
    while time.monotonic() < until:
        rows = rig.portal.ask(_BEHIND.format(today=today))
        if not rows:
            break
        time.sleep(0.1)
    return [f"{slug} (due on {due})" for slug, due in rows]


def _ran(rig: Rig, task: str, times: int) -> bool:
    return rig.portal.runs_of(task) >= times


def _until(holds: Callable[[], bool], what: str, within: float) -> float:
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < within, what
        time.sleep(0.1)
    return time.monotonic() - begun


def _fill(path: str) -> None:
    """Take all the room that there is."""
    with open(path, "wb", buffering=0) as file:
        block = b"\0" * (1 << 20)
        while block:
            try:
                file.write(block)
            except OSError:
                block = block[: len(block) // 2]
