"""What gunicorn does beside serving; it reads this file by itself where it is started, in the project's folder."""

import multiprocessing
import os
import shutil
import sys
import tempfile
from typing import Any

from licensemgr import environment as env
from licensemgr.core.logs import settings_of_logging

# Before any worker imports the counters: each writes its own files there, and whoever is asked for /metrics adds them up.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="license-manager-metrics-")
_PRODUCTION = env.text("MODE", "production") == "production"
# As the portal's own lines; the settings are read by each worker anew.
logconfig_dict = settings_of_logging(
    env.text("LOG_LEVEL", "INFO"), env.text("LOG_FORMAT", "json" if _PRODUCTION else "plain")
)
# In place of the handler that gunicorn has for it.
logconfig_dict["loggers"]["gunicorn.error"] = {"handlers": [], "propagate": True}
# Every request is logged by the portal itself, without what may be secret in its address.
accesslog = None
_BOOT_ERROR = 3


def when_ready(server: Any) -> None:
    """Refuse to start, with a sentence, what production must not start with: before any worker, in a process of its own.

    The settings stay out of this process, so that workers that start after a reload read them anew. Several workers that end
    together would let gunicorn trip over the second one while it gives up because of the first.
    """
    trial = multiprocessing.get_context("fork").Process(target=_end_if_refused, args=(server,))
    trial.start()
    trial.join()
    if trial.exitcode:
        server.halt("The settings were refused.", trial.exitcode)


def post_fork(server: Any, worker: Any) -> None:
    """The same for settings that changed since, when gunicorn reloads: end this worker in the way that lets gunicorn give up."""
    _end_if_refused(server)


def _end_if_refused(server: Any) -> None:
    if _refused(server):
        sys.exit(_BOOT_ERROR)


def _refused(server: Any) -> bool:
    """Log what production must not start with, if anything."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "licensemgr.settings")
    from django.core.exceptions import ImproperlyConfigured

    from licensemgr import safety

    try:
        from licensemgr import settings
    except ImproperlyConfigured as error:
        refused = [str(error)]
    else:
        addresses = [listener.sock.getsockname() for listener in server.LISTENERS]
        refused = (
            safety.refusals_of_server(vars(settings), workers=server.cfg.workers, addresses=addresses)
            if settings.PRODUCTION
            else []
        )
    if refused:
        server.log.critical("License Manager can't start: %s", "\n".join(refused))
    return bool(refused)


def child_exit(server: Any, worker: Any) -> None:
    """Forget what a process that ended had only for itself."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """Forget the counters: they are of this run."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
