"""The connection: Django's own, which tells the database at the beginning of each transaction for whom it is (R30).

Nothing here outlives a transaction, so that behind PgBouncer in transaction mode nobody meets what another one set.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, transaction
from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from licensemgr.core.tenancy import Acting

# Role and rows in one statement. Without a role: what the connection signed in as.
_TELL = (
    "SELECT set_config('role', %s, true), set_config('app.organization', %s, true), set_config('app.person', %s, true)"
)
_MIGHTY = """
SELECT rolsuper OR rolbypassrls,
       EXISTS (SELECT FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
               AND pg_has_role(current_user, relowner, 'MEMBER')),
       EXISTS (SELECT FROM pg_roles part WHERE part.rolname = %s AND pg_has_role(current_user, part.oid, 'USAGE'))
  FROM pg_roles WHERE rolname = current_user
"""


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that is told by `acting_as` for whom its statements are."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._acting: list[Acting] = []
        self._was_looked_at = False
        self.execute_wrappers.append(self._in_a_transaction)

    @property
    def acting(self) -> Acting | None:
        """For whom statements are now; None for nobody, as the role that signed in."""
        return self._acting[-1] if self._acting else None

    @contextlib.contextmanager
    def acting_as(self, acting: Acting) -> Iterator[None]:
        """Statements within are made so; those after it as before."""
        is_within = self.in_atomic_block
        self._acting.append(acting)
        try:
            if is_within:
                self._tell()
            yield
        finally:
            self._acting.pop()
            # Where the transaction ends, or is rolled back to where it began, the database forgets by itself.
            if is_within and self.in_atomic_block and self._can_be_told():
                self._tell()

    def _can_be_told(self) -> bool:
        return self.connection is not None and self.connection.info.transaction_status == TransactionStatus.INTRANS

    def _tell(self) -> None:
        now = self.acting
        told = [
            now.part.role if now else "none",
            f"{{{','.join(map(str, now.organizations))}}}" if now else "",
            str(now.person) if now and now.person is not None else "",
        ]
        # No query of the application's: neither counted nor logged with them.
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(_TELL, told)

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # Django's types leave it out
        if autocommit or not self._acting:
            return
        try:
            self._tell()
        except DatabaseError:
            # No transaction of nobody in particular stays open.
            with contextlib.suppress(Exception):
                self.connection.rollback()
                self.connection.autocommit = True
            raise

    def _in_a_transaction(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        """A statement outside of any transaction gets one of its own, as what is set holds no longer than that."""
        if not self._acting or self.in_atomic_block or not self.get_autocommit():
            return execute(sql, params, many, context)
        with transaction.atomic(using=self.alias):
            return execute(sql, params, many, context)

    def chunked_cursor(self) -> Any:
        """A cursor of the server's within a transaction only: beyond it another one may have the connection."""
        return super().chunked_cursor() if self.in_atomic_block else self.cursor()

    def init_connection_state(self) -> None:
        """As Django; the process's first connection is looked at where no mighty role may sign in."""
        super().init_connection_state()
        if self.settings_dict.get("REFUSE_MIGHTY_ROLE") and not self._was_looked_at:
            self._refuse_mighty_role()
            self._was_looked_at = True

    def _refuse_mighty_role(self) -> None:
        """Raises ImproperlyConfigured when row level security would not hold for the role that signed in."""
        from licensemgr.core.tenancy import Part

        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(_MIGHTY, [Part.STAFF.role])
            is_above, is_owner, is_everybody = cursor.fetchone()
        why = (
            "is a superuser or has BYPASSRLS"
            if is_above
            else "owns tables of the portal"
            if is_owner
            else f"inherits the rights of {Part.STAFF.role}"
            if is_everybody
            else ""
        )
        if why:
            raise ImproperlyConfigured(
                f"DATABASE_URL signs in to PostgreSQL as {self.settings_dict['USER'] or 'a role'} that {why}, so that the "
                f"database would not keep organizations apart. Name a role that is a member of {Part.WEB.role} there, and the "
                "owner in DATABASE_OWNER_URL."
            )
