"""Which constraint the database holds against a row, so that a sentence is said of that one and of no other."""

from django.db import IntegrityError, connections, models, router


def is_taken(error: IntegrityError, model: type[models.Model], *fields: str) -> bool:
    """Whether the error says that a row of the model has these values already, in a unique constraint of exactly these fields.

    Asked outside of the ``atomic`` in which the error was raised: on PostgreSQL the catalogue says which columns a constraint has.
    """
    table = model._meta.db_table
    columns = {str(each.column) for each in model._meta.concrete_fields if each.name in fields}
    cause = error.__cause__
    connection = connections[router.db_for_write(model)]
    if connection.vendor == "sqlite":
        # Of a partial index SQLite names the columns, too. It has no code of its own for which ones.
        begin, _colon, named = str(cause or error).partition(": ")
        return begin == "UNIQUE constraint failed" and set(named.split(", ")) == {f"{table}.{each}" for each in columns}
    said = getattr(cause, "diag", None)
    if said is None or said.sqlstate != "23505" or said.table_name != table:
        return False
    # The text of the error is in the server's language, and where rows are hidden it names no columns.
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, table)
    return set(constraints.get(said.constraint_name, {"columns": ()})["columns"]) == columns
