"""The types of a manifest's columns: those a person states, and those that were nearly inferred."""

from collections.abc import Collection, Mapping, Sequence
from shlex import quote
from typing import Any

from app.adapters.manifest import Manifest
from app.adapters.manifest.rows import SHOWN_VALUE
from app.cli.screen import valid
from app.domain.errors import Invalid
from app.domain.inference import NearMiss
from app.domain.products import AttributeType

_TYPES = tuple(one.value for one in AttributeType)


def stated_types(options: Sequence[str]) -> dict[str, AttributeType]:
    """The types that `--type NAME=TYPE` states, by column. Raises `Invalid` for one unreadable or stated twice."""
    stated: dict[str, AttributeType] = {}
    for option in options:
        name, _, told = (part.strip() for part in option.rpartition("="))
        if not name or told not in _TYPES:
            raise Invalid(
                f"--type {option} cannot be read: write NAME=TYPE, where TYPE is one of {', '.join(_TYPES)}",
                code="usage",
            )
        if name in stated:
            raise Invalid(f"--type states {name!r} more than once: say its type once", code="usage")
        stated[name] = AttributeType(told)
    return stated


def check_stated(
    stated: Mapping[str, AttributeType],
    declared: Mapping[str, AttributeType],
    found: Collection[str],
    manifest: Manifest,
) -> None:
    """Raise `Invalid` where a stated type cannot hold.

    It contradicts what the catalog declares, or it names what is no attribute, or neither the header nor one of the
    `found` columns of the rows.
    """
    for name, wanted in stated.items():
        if not manifest.is_attribute(name):
            raise Invalid(
                f"--type names {name!r}, which is no attribute: drop that --type, or the --leave-out that names it",
                code="not_an_attribute",
            )
        if declared.get(name, wanted) is not wanted:
            raise Invalid(
                f"--type says {name} is {wanted.value}; the catalog declares it as {declared[name].value}, for good",
                code="schema_change",
            )
        if name not in declared and name not in found:
            raise Invalid(
                f"--type names {name!r}, which neither the header nor a row of the manifest has",
                code="unknown_column",
            )


def warning_of(miss: NearMiss) -> dict[str, Any]:
    """What a person would want to know before many rows are filed under the wrong type."""
    wanted = quote(f"{miss.name}={miss.almost.value}")
    value = valid(str(miss.value))[:SHOWN_VALUE]
    return {
        "attribute": miss.name,
        "type": miss.declared.value,
        "line": miss.line,
        "value": value,
        "detail": f"{miss.name} is declared {miss.declared.value}, and stays so: {miss.misfits:,} of its "
        f"{miss.values:,} values cannot be read as {miss.almost.value}, the first on line {miss.line}: {value!r}. "
        f"To have it as {miss.almost.value} and those rows as errors, ingest into a new catalog (--catalog) with "
        f"--type {wanted}",
    }
