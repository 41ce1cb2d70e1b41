"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from mimolearn.studies import SnrEstimate


def format_us(value: float | None) -> str:
    """Microseconds in three significant digits, in µs or ms.

    >>> format_us(12.34), format_us(1234.0), format_us(None)
    ('12.3 µs', '1.23 ms', '–')
    """
    if value is None:
        return "–"
    return f"{value / 1000:.3g} ms" if value >= 1000 else f"{value:.3g} µs"


def format_count(value: float | None) -> str:
    """A count in three significant digits with k, M or G.

    >>> format_count(12_345)
    '12.3k'
    """
    if value is None:
        return "–"
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{suffix}"
    return f"{value:.3g}"


def format_required(estimate: SnrEstimate) -> str:
    """The SNR needed with its interval, or why it is not known."""
    if estimate.value_db is None:
        return estimate.note or "not reached"
    if estimate.low_db is None or estimate.high_db is None:
        return f"{estimate.value_db:.2f} dB"
    return f"{estimate.value_db:.2f} dB [{estimate.low_db:.2f}, {estimate.high_db:.2f}]"


def format_duration(seconds: float) -> str:
    """Seconds as 42 s, 3 min 05 s or 2 h 10 min.

    >>> format_duration(185)
    '3 min 05 s'
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def format_left(seconds: float | None) -> str:
    """The time left in words; None is a time that is not known yet."""
    return (
        "time left not known yet" if seconds is None else f"about {format_duration(seconds)} left"
    )


def format_names(names: Sequence[str]) -> str:
    """Names as a list in a sentence.

    >>> format_names(["zf", "lmmse", "ep"])
    'zf, lmmse and ep'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
