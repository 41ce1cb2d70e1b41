"""Labels and options of contenders, as plain values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimolearn.detectors.files import SUFFIXES
from mimolearn.foundation.errors import invalid, is_plain_text


def check_label(label: object) -> None:
    """Raise InvalidInputError for what cannot be shown as it is."""
    if not isinstance(label, str) or len(label) > 80:
        raise invalid("label", label, "text of at most 80 characters")
    if not is_plain_text(label):
        raise invalid("label", label, "text without control characters")


def default_label(name: str, options: Mapping[str, Any], quantizer: str = "") -> str:
    if quantizer:
        is_file = quantizer.endswith(".safetensors")
        kept = Path(quantizer).stem if is_file else quantizer
        return f"{default_label(name, options)} | {kept}"[:80]
    if name.endswith((".safetensors", *SUFFIXES)):
        name = Path(name).stem
    words = [f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in options.items()]
    return f"{name}({', '.join(words)})"[:80] if words else name


def plain_options(options: object) -> dict[str, Any]:
    if not isinstance(options, Mapping):
        raise invalid("options", options, "a table of options")
    plain: dict[str, Any] = {}
    for key, value in options.items():
        if not isinstance(key, str) or not key.isidentifier():
            raise invalid("option", key, "an option's name")
        if isinstance(value, float) and not math.isfinite(value):
            raise invalid(key, value, "a finite number")
        try:
            plain[key] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):
            raise invalid(
                key, value, "a plain value (text, number, true, false or a list)"
            ) from None
    return plain
