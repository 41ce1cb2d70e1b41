"""Claims of a figure from look to look: what is settled stays so, the others get more draws."""

from __future__ import annotations

from dataclasses import replace

from mimolearn.papers.experiment import Experiment
from mimolearn.papers.files.quantities import Claim
from mimolearn.papers.findings import Findings
from mimolearn.papers.judging.ends import judge_claim
from mimolearn.papers.judging.looks import MOST_LOOKS, Spot, confidence_of, spots_of
from mimolearn.papers.verdict import Outcome, Verdict

# Claims that need no more than this many times their draws come first.
_NEAR = 64.0


class Growth:
    """How often the draws of every point were doubled, and what claims have become of it.

    Args:
        experiment: whose claims these are.

    Attributes:
        verdicts: of the claims, by id.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._claims = [statement.data for statement in experiment.statements]
        self._panels = {panel.name: panel for panel in experiment.panels}
        self._seeds = experiment.seeds
        self._looks: dict[Spot, int] = {}
        self._before: dict[Spot, int] = {}
        self.verdicts: dict[str, Verdict] = {}

    def look(self, findings: Findings) -> None:
        """Judge every claim that is not settled.

        Args:
            findings: what the panels have given so far.
        """
        for claim in self._claims:
            if not self._is_settled(claim):
                at_look = replace(findings, confidence=confidence_of(self._look(claim, findings)))
                self.verdicts[claim.id] = judge_claim(claim, at_look, self._seeds)

    def grow(self, findings: Findings) -> bool:
        """Double the draws that open claims rest on; False where that helps none.

        Args:
            findings: what the panels have given so far.
        """
        needed = {claim.id: self.verdicts[claim.id].more for claim in self._claims}
        waiting = [claim for claim in self._claims if needed[claim.id] is not None]
        near = [claim for claim in waiting if (needed[claim.id] or 0.0) <= _NEAR]
        self._before = dict(self._looks)
        for claim in near or waiting:
            spots = self._spots(claim, findings)
            look = self._look(claim, findings) + 1
            if look < MOST_LOOKS:
                self._looks |= {spot: max(look, self._looks.get(spot, 0)) for spot in spots}
        return self._looks != self._before

    def undo(self) -> None:
        """Forget the last doubling, which was not finished."""
        self._looks = self._before

    def times(self, panel: str) -> int:
        """How many times the draws of its effort a panel that grows as a whole has."""
        return 2 ** self._looks.get((panel, "", 0.0), 0)

    def times_of_points(self, panel: str) -> dict[tuple[str, float], int]:
        """The same of the points of a panel, by label and SNR in dB."""
        return {
            (label, snr): 2**k for (name, label, snr), k in self._looks.items() if name == panel
        }

    def times_of_panels(self) -> dict[str, float]:
        """The same of the most drawn point of every panel that was grown."""
        names = {panel for panel, _, _ in self._looks}
        return {
            name: float(2 ** max(k for (panel, _, _), k in self._looks.items() if panel == name))
            for name in sorted(names)
        }

    def _is_settled(self, claim: Claim) -> bool:
        verdict = self.verdicts.get(claim.id)
        return verdict is not None and (
            verdict.more is None and verdict.outcome is not Outcome.OPEN
        )

    def _spots(self, claim: Claim, findings: Findings) -> frozenset[Spot]:
        return spots_of(claim, self._panels, findings, self._seeds)

    def _look(self, claim: Claim, findings: Findings) -> int:
        return max((self._looks.get(s, 0) for s in self._spots(claim, findings)), default=0)
