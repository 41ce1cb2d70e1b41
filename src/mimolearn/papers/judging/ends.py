"""The end that a claim earns: reproduced, better, not reproduced, wrong, undecidable or open."""

from __future__ import annotations

from dataclasses import replace

from mimolearn.papers.files.quantities import Claim
from mimolearn.papers.findings import Findings
from mimolearn.papers.judging.measuring import Measuring, Seeds
from mimolearn.papers.judging.parts import Part, judge_test
from mimolearn.papers.verdict import Outcome, Verdict


def judge_claim(claim: Claim, findings: Findings, seeds: Seeds) -> Verdict:
    """What becomes of a claim.

    An objection that holds makes the paper wrong. One that fails, or that is not settled, leaves
    the claim to its own test; without such a test it is open.

    Args:
        claim: of a figure.
        findings: what its panels have given, with the confidence of the intervals.
        seeds: by panel, the labels of all training seeds by that of the first.
    """
    verdict = _judge(claim, Measuring(findings, seeds))
    return verdict._replace(confidence=findings.confidence)


def _judge(claim: Claim, measuring: Measuring) -> Verdict:
    objection = None
    if claim.objection is not None:
        objection = judge_test(claim.objection, measuring)
        if objection.holds:
            own = judge_test(claim, measuring) if claim.has_test else None
            return _wrong(claim, objection, own, _remarks(claim, measuring))
    if claim.undecidable:
        return Verdict(Outcome.UNDECIDABLE, "", claim.undecidable)
    if claim.open:
        price = f" ({claim.price})" if claim.price else ""
        return Verdict(Outcome.OPEN, "", f"{claim.open}{price}")
    remarks = _remarks(claim, measuring)
    if not claim.has_test:
        assert objection is not None
        words = "the objection to it fails" if _failed(objection) else objection.reason
        return Verdict(Outcome.OPEN, objection.measured, words, "", remarks, more=objection.more)
    part = judge_test(claim, measuring)
    if objection is not None and not _failed(objection):
        part = _with_objection(part, objection)
    return Verdict(part.outcome, part.measured, part.reason, part.published, remarks, part.more)


def _failed(part: Part) -> bool:
    return part.outcome is Outcome.NOT_REPRODUCED


def _with_objection(part: Part, objection: Part) -> Part:
    """The claim's own test, beside an objection that is not settled."""
    reasons = [part.reason, f"an objection is not settled: {objection.reason}"]
    known = [more for more in (part.more, objection.more) if more is not None]
    reason = "; ".join(filter(None, reasons))
    return replace(part, reason=reason, more=min(known, default=None))


def _wrong(claim: Claim, objection: Part, own: Part | None, remarks: tuple[str, ...]) -> Verdict:
    assert claim.objection is not None
    texts = [objection.measured, own.measured if own is not None else ""]
    measured = "; ".join(dict.fromkeys(filter(None, texts)))
    published = own.published if own is not None else ""
    return Verdict(Outcome.PAPER_IS_WRONG, measured, claim.objection.reason, published, remarks)


def _remarks(claim: Claim, measuring: Measuring) -> tuple[str, ...]:
    """Those whose tests hold, with their numbers."""
    judged = ((remark, judge_test(remark, measuring)) for remark in claim.remark)
    return tuple(
        f"{remark.text} ({part.measured})" if part.measured else remark.text
        for remark, part in judged
        if part.holds
    )
