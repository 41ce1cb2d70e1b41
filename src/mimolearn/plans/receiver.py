"""What stands around the detector in a receiver: estimator, soft bits, decoder feedback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from mimolearn.foundation.plainmodel import PlainModel, Real

MAX_PASSES = 8


class Receiver(PlainModel):
    """The parts of a receiver beside its detector, as options of a contender.

    Attributes:
        llr_scale: factor of the detector's LLRs; default 1.
        llr_clip: largest magnitude of a scaled LLR that the decoder gets; default None, no limit.
        passes: decoder feedback. After decoding, the blocks that failed are detected again with the
            decoder's extrinsic LLRs as priors, this many times; default 0.

    >>> Receiver(llr_clip=20).stated()
    {'llr_clip': 20}
    """

    llr_scale: Annotated[Real, Field(gt=0, le=1e6)] = 1.0
    llr_clip: Annotated[Real, Field(gt=0, le=1e6)] | None = None
    passes: Annotated[int, Field(strict=True, ge=0, le=MAX_PASSES)] = 0

    def stated(self) -> dict[str, Any]:
        """Return the options that differ from the defaults, whole numbers as integers."""
        values = self.model_dump(mode="json", exclude_defaults=True)
        return {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in values.items()
        }

    def adjusted(self, llr: Tensor) -> Tensor:
        """Scale LLRs of any shape, then clip them."""
        if self.llr_scale != 1:
            llr = llr * self.llr_scale
        return llr if self.llr_clip is None else llr.clamp(-self.llr_clip, self.llr_clip)

    @property
    def is_plain(self) -> bool:
        """Whether the decoder gets the detector's LLRs as they are, and gives nothing back."""
        return not self.stated()


def receiver_options(
    options: Mapping[str, Any], of_detector: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part the options of a contender into those of the receiver and those of its detector.

    Args:
        options: as the user gave them.
        of_detector: names that the detector itself has; these stay with it.

    >>> receiver_options({"k": 8, "passes": 1}, ["k"])
    ({'passes': 1}, {'k': 8})
    """
    known = set(Receiver.model_fields) - set(of_detector)
    around = {name: value for name, value in options.items() if name in known}
    return around, {name: value for name, value in options.items() if name not in around}
