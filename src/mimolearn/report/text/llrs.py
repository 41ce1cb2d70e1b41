"""The check of recorded LLRs in words and tables."""

from __future__ import annotations

import math

from mimolearn.report.text.fitted import Column, FittedTable
from mimolearn.results.llrs.check import Bin, LlrCheck

_TRUE_WITHIN = 0.05


def llr_sentences(check: LlrCheck) -> list[str]:
    """What the check says, a fact a sentence."""
    told = "with the sent bits" if check.has_bits else "without the sent bits"
    said = [f"{check.num_llrs:,} LLRs {told}; the largest magnitude is {check.largest:.4g}."]
    if check.zeros:
        said.append(f"{check.zeros:.2%} of them are 0.")
    if check.infinite:
        said.append(f"{check.infinite:.2%} of them are infinite and count as 200.")
    said.append(_sign(check))
    if check.scale is None:
        said.append(
            "Sign and scale show with the sent bits alone; all numbers below are those that the "
            "LLRs claim of themselves."
        )
        said.append(f"GMI claimed: {check.gmi:.4f} bit a bit.")
        return said
    said.append(f"GMI: {check.gmi:.4f} ± {1.96 * check.gmi_error:.4f} bit a bit (95 %).")
    if check.sign == "none":
        return said
    said.append(_scale(check))
    assert check.calibration_error is not None
    said.append(
        f"Calibration error: {check.calibration_error:.4f}, the mean distance between the error "
        "probability that is claimed and the one that is counted."
    )
    return said


def _sign(check: LlrCheck) -> str:
    if check.agreement is None:
        return "Sign convention: unknown."
    share = f"{check.agreement:.2%} of the signs agree with the bits"
    if check.sign == "none":
        return (
            f"Sign convention: in doubt, as {check.agreement:.2%} of the signs agree with the bits "
            "as ln P(1)/P(0). Do the bits belong to these LLRs, in this order, and are both "
            "(de)interleaved and (de)scrambled alike?"
        )
    if check.sign == "ln P(0)/P(1)":
        return (
            f"Sign convention: ln P(0)/P(1), {share}. Decoders of this library want ln P(1)/P(0): "
            "change the sign. All numbers below are of the LLRs with the sign changed."
        )
    return f"Sign convention: ln P(1)/P(0), {share}."


def _scale(check: LlrCheck) -> str:
    assert check.scale is not None
    if abs(math.log(check.scale)) < _TRUE_WITHIN:
        return f"Scale: right, the best factor is {check.scale:.3f}."
    words = "overconfident" if check.scale < 1 else "too small"
    return (
        f"Scale: {words}, the best factor is {check.scale:.3f}. It raises the GMI to "
        f"{check.gmi_scaled:.4f}, worth {check.lost_by_scale_db:.2f} dB."
    )


def reliability_table(check: LlrCheck) -> FittedTable:
    """Claimed and counted error probability by magnitude."""
    table = FittedTable(
        Column("|LLR|", "name"), Column("bits"), Column("claimed"), Column("counted [95 %]")
    )
    for one in check.bins:
        table.add_row(_magnitudes(one), f"{one.bits:,}", f"{one.claimed:.2e}", _counted(one))
    return table


def storage_table(check: LlrCheck) -> FittedTable:
    """What 3 to 8 bits an LLR keep."""
    table = FittedTable(
        Column("bits", "name"),
        Column("best step"),
        Column("saturated"),
        Column("at step 1, as is", rank=1),
        Column("GMI"),
        Column("dB lost"),
        title="times the best factor, in few bits" if check.scale else "in few bits",
    )
    for one in check.stored:
        table.add_row(
            str(one.bits),
            f"{one.step:.3f}",
            f"{one.saturated:.1%}",
            f"{one.saturated_at_one:.1%}",
            f"{one.gmi:.4f}",
            # No minus before a zero.
            f"{round(one.lost_db, 2) + 0.0:.2f}",
        )
    return table


def _magnitudes(one: Bin) -> str:
    return f"{one.low:g} to {one.high:g}" if math.isfinite(one.high) else f"{one.low:g} and more"


def _counted(one: Bin) -> str:
    if one.errors is None or one.counted is None:
        return "-"
    return f"{one.errors / one.bits:.2e} [{one.counted.low:.1e}, {one.counted.high:.1e}]"
