"""Mutants that no example can notice, since they mean the same: file, the line as it is, the line as it would be, and why."""

_POSITIVE = "if any(quantity < 0 or code not in codes for quantities in plan.values() for code, quantity in quantities.items()):"
EXPLAINED: dict[tuple[str, str, str], str] = {
    (
        "subscriptions/rules.py",
        "if last is not None and number < last and number not in plan and any(lacks.values())",
        "if last is not None and number <= last and number not in plan and any(lacks.values())",
    ): "The last year is in the plan, whose largest number it is, so the condition after it leaves it out.",
    (
        "subscriptions/allocation.py",
        '% {"today": formats.date_format(date.fromisoformat(now["date"]), "DATE_FORMAT")}',
        '% {"today": formats.date_format(date.fromisoformat(now["date"]), None)}',
    ): "Django takes DATE_FORMAT where no format is named.",
    (
        "subscriptions/allocation.py",
        '% {"today": formats.date_format(date.fromisoformat(now["date"]), "DATE_FORMAT")}',
        '% {"today": formats.date_format(date.fromisoformat(now["date"]), )}',
    ): "Django takes DATE_FORMAT where no format is named.",
    (
        "subscriptions/allocation.py",
        _POSITIVE,
        _POSITIVE.replace("< 0", "<= 0"),
    ): "clean_plan left no zero in the plan.",
    (
        "subscriptions/allocation.py",
        _POSITIVE,
        _POSITIVE.replace("< 0", "< 1"),
    ): "clean_plan left no zero in the plan.",
}
