"""JSON in query parameters, read without guessing."""

import json
import math
from typing import Any

from tenants.exceptions import Refused

INT64 = range(-(2**63), 2**63)


def refused(details: str) -> Refused:
    """Return the error of a list request that cannot be answered."""
    return Refused("get_request_error", details)


def read_json(text: str, parameter: str) -> Any:
    """Return the parsed JSON; refuses a key given twice and numbers that not every engine can hold."""
    try:
        return json.loads(
            text,
            object_pairs_hook=_once,
            parse_int=_int,
            parse_float=_float,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError) as error:
        reason = "too deep" if isinstance(error, RecursionError) else error
        raise refused(f"{parameter} is not valid JSON: {reason}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} is given twice")
    return document


def _int(digits: str) -> int:
    if len(digits) > 20 or int(digits) not in INT64:
        raise ValueError(f"the number {digits[:24]} has more than 64 bits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:24]} is out of range")
    return number


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
