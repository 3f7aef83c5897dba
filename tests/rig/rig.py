"""The portal and its load together, and what is looked at after each fault."""

import os
import random
import time
from collections import Counter

from tests.rig import looking
from tests.rig.asking import machine
from tests.rig.load import Load
from tests.rig.portal import RUN_DAILY, SEND_OUTBOX, WORKERS, Portal

# How soon after the return of what failed people are answered, in seconds; longer only on a machine that others keep busy.
BACK_WITHIN = float(os.environ.get("RIG_BACK_WITHIN", "10"))
# Answers that count as that.
ANSWERS = 3


class Rig:
    """One portal under load."""

    def __init__(self, portal: Portal, rng: random.Random, people: int = 4) -> None:
        self.portal, self.rng = portal, rng
        self.load = Load(portal, rng, people)
        self.journal = self.load.journal
        self._acknowledged = 0
        # So often somebody who may have sent a mail was ended before that was written down.
        self.senders_ended = 0
        # Processes that were ended beside what a fault is named for.
        self.kills = 0
        # How long people and jobs waited each time after the return of what failed, in seconds.
        self.returns: list[float] = []
        # Workers that were started again and were not seen to take jobs yet.
        self.coming: list[str] = []
        # Chances of a crowd that were used up: product and crowd.
        self.used: Counter[str] = Counter()

    def work(self, least: int = 2, most: int = 12) -> None:
        """Let the load go on for a while, so that a fault meets it anywhere."""
        self.portal.start_what_ended()
        self.see_workers()
        self.journal.wait_for(self.rng.randint(least, most), time.monotonic(), within=60)
        time.sleep(self.rng.random() * 0.1)

    def answers_again(self) -> float:
        """People are answered soon after now, when what failed is back; after how many seconds."""
        seconds = self.journal.wait_for(ANSWERS, time.monotonic(), BACK_WITHIN)
        self.load.check()
        self.returns.append(seconds)
        return seconds

    def jobs_run_again(self, task: str = SEND_OUTBOX) -> float:
        """A job that is ordered now is done soon; after how many seconds."""
        begun, before = time.monotonic(), self.portal.runs_of(task)
        ordered = begun
        self.portal.send_task(task)
        while self.portal.runs_of(task) == before:
            assert time.monotonic() - ordered < BACK_WITHIN, f"{task} is not done within {BACK_WITHIN} s ({machine()})"
            if self.portal.start_what_ended():
                # A worker that ended by itself may have had the job in hand, and is not back before some seconds.
                for name in WORKERS:
                    self.portal.wait_for_worker(name)
                ordered = time.monotonic()
                self.portal.send_task(task)
            time.sleep(0.05)
        self.returns.append(time.monotonic() - begun)
        return self.returns[-1]

    def see_workers(self, *, wait: bool = False) -> None:
        """A job is done once each worker that was started again takes jobs; ``wait`` for those that do not yet."""
        for name in list(self.coming):
            if wait:
                self.portal.wait_for_worker(name)
            if self.portal.is_ready(name):
                self.coming.remove(name)
                self.jobs_run_again()

    def look(self, *, with_books: bool = True) -> None:
        """Each acknowledged change is there once, each other one whole or not at all, and the books are right."""
        found = looking.differences(self.portal, self.journal) + looking.halves(self.portal)
        assert not found, "\n".join(found[:20])
        if with_books:
            self.portal.verify()

    def newly_acknowledged(self) -> int:
        """How many changes were acknowledged since this was asked last."""
        before, self._acknowledged = self._acknowledged, self.journal.acknowledged()
        return self._acknowledged - before

    def look_at_the_end(self) -> None:
        """Nobody works any more: what was due is done, what was to be mailed has arrived, the books are right."""
        self.load.end()
        self.see_workers(wait=True)
        self.jobs_run_again(RUN_DAILY)
        deadline = time.monotonic() + 60
        while unsent := self.portal.ask(
            "SELECT count(*) FROM core_outboxmessage WHERE sent_at IS NULL AND withdrawn_at IS NULL"
        )[0][0]:
            # One that a sender who ended had in hand is due again soon; one that failed, in a while.
            self.portal.ask(
                "UPDATE core_outboxmessage SET next_attempt_at = written_at WHERE sent_at IS NULL AND attempts > 0 RETURNING 1"
            )
            assert time.monotonic() < deadline, f"{unsent} mails are not sent"
            self.jobs_run_again(SEND_OUTBOX)
            time.sleep(0.2)
        self.look()
        found = looking.mails_lost_or_doubled(self.portal, self.journal, self.senders_ended)
        assert not found, "\n".join(found[:20])

    def figures(self) -> str:
        """How many changes of each kind were acknowledged, refused, never answered."""
        rows = []
        changes = self.journal.changes()
        for what in sorted({change.what for change in changes}):
            of = [change for change in changes if change.what == what]
            good = sum(change.is_acknowledged for change in of)
            refused = sum(change.is_refused for change in of)
            rows.append(f"{what} {good} + {refused} refused + {len(of) - good - refused} open")
        failed = sum(change.told.count(False) for change in changes if change.told)
        if failed:
            rows.append(f"the portal failed at {failed} files of uploads, and said so")
        return ", ".join(rows)
