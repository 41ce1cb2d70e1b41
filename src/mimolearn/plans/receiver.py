"""What stands around the detector in a receiver: estimator, soft bits, decoder feedback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from torch import Tensor

from mimolearn.detectors.text import split_text
from mimolearn.foundation.errors import InvalidInputError, invalid
from mimolearn.foundation.plainmodel import PlainModel, Real
from mimolearn.link.coding import Coding, DecoderName, Decoding
from mimolearn.link.estimators import AnyEstimator, Estimator

MAX_PASSES = 8
FITTED: Literal["fitted"] = "fitted"
"""``llr_scale`` that a study replaces by a number."""
# Fields that every estimator has: a receiver with another estimator keeps the scenario's.
_SHARED = tuple(name for name in Estimator.model_fields if name != "name")


class _Holder(PlainModel):
    """Validates the table of an estimator."""

    estimator: AnyEstimator


class Receiver(PlainModel):
    """The parts of a receiver beside its detector, as options of a contender.

    Attributes:
        llr_scale: factor of the detector's LLRs; default 1. "fitted" finds the factor of the
            largest GMI on draws of its own, once for each SNR: it calibrates soft bits that do not
            know of the error of an estimated channel.
        llr_clip: largest magnitude of a scaled LLR that the decoder gets; default None, no limit.
        passes: decoder feedback. After decoding, the blocks that failed are detected again with the
            decoder's extrinsic LLRs as priors, this many times; default 0.
        decoder: "sum-product", "min-sum" or "two-stage", see ``Coding``; default None, that of the
            scenario, which for transport blocks is sum-product.
        decoder_bits: bits that min-sum stores an LLR in, 4 to 8. Alone it asks for "min-sum" where
            the scenario has sum-product; default None, the scenario's, or 6.
        estimator: the channel estimator over a resource grid, as a table or as text such as
            "wiener:statistics=flat"; default None, the scenario's.
        covariance: "white", "residual" or "known", see ``Estimator``; default None, as the
            estimator says.

    >>> Receiver(llr_clip=20).stated()
    {'llr_clip': 20}
    """

    llr_scale: Annotated[Real, Field(gt=0, le=1e6)] | Literal["fitted"] = 1.0
    llr_clip: Annotated[Real, Field(gt=0, le=1e6)] | None = None
    passes: Annotated[int, Field(strict=True, ge=0, le=MAX_PASSES)] = 0
    decoder: DecoderName | None = None
    decoder_bits: Annotated[int, Field(strict=True, ge=4, le=8)] | None = None
    estimator: dict[str, Any] | None = None
    covariance: Literal["white", "residual", "known"] | None = None

    @field_validator("estimator", mode="before")
    @classmethod
    def _read_estimator(cls, value: object) -> object:
        """Plain values of what is stated, checked as a whole."""
        if value is None:
            return None
        if isinstance(value, Estimator):
            value = _stated(value)
        if isinstance(value, str):
            name, options = split_text(value)
            value = {"name": name, **options}
        if not isinstance(value, Mapping):
            raise invalid("estimator", value, "text such as 'wiener:statistics=flat', or a table")
        table: Any = dict(value)
        try:
            checked = _Holder(estimator=table).estimator
        except InvalidInputError as error:
            # pydantic names the field once more.
            raise InvalidInputError(str(error).removeprefix("estimator.")) from None
        return _stated(checked)

    @model_validator(mode="after")
    def _bits_have_a_use(self) -> Receiver:
        if self.decoder == "sum-product" and self.decoder_bits is not None:
            raise invalid("decoder_bits", self.decoder_bits, "a decoder 'min-sum' or 'two-stage'")
        return self

    def decoding_for(self, usual: Coding | None) -> Decoding | None:
        """Return the decoder of this receiver; None where it is the scenario's.

        Args:
            usual: the table [coding]; None for transport blocks.
        """
        if self.decoder is None and self.decoder_bits is None:
            return None
        name = self.decoder or ("sum-product" if usual is None else usual.decoder)
        if name == "sum-product" and self.decoder_bits is not None:
            name = "min-sum"
        if name == "sum-product":
            return Decoding()
        known = 6 if usual is None else usual.decoder_bits
        return Decoding(self.decoder_bits or known, name == "two-stage")

    def estimator_for(self, usual: Estimator) -> Estimator:
        """Return the estimator of this receiver in a scenario.

        Args:
            usual: the scenario's. What it states of covariance and reuse holds for another
                estimator too, unless that one states it.
        """
        stated = usual.model_dump(mode="json", exclude_none=True)
        fields: Any = dict(self.estimator or stated)
        if fields["name"] != stated["name"]:
            stated = {name: value for name, value in stated.items() if name in _SHARED}
        fields = stated | fields
        if self.covariance is not None:
            fields["covariance"] = self.covariance
        return _Holder(estimator=fields).estimator

    def is_bound(self, usual: Estimator) -> bool:
        """Whether it is told what no receiver knows: the channel, or the true covariance.

        Args:
            usual: the scenario's estimator.
        """
        fields = self.estimator_for(usual).model_dump(mode="json")
        return fields["name"] == "perfect" or fields["covariance"] == "known"

    def stated(self) -> dict[str, Any]:
        """Return the options that differ from the defaults, whole numbers as integers."""
        values = self.model_dump(mode="json", exclude_defaults=True)
        return {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in values.items()
        }

    def words(self) -> dict[str, Any]:
        """Return what is stated as a label shows it."""
        stated = self.stated()
        if self.estimator is not None:
            options = {k: v for k, v in self.estimator.items() if k != "name"}
            text = ";".join(f"{name}={value}" for name, value in options.items())
            stated["estimator"] = ":".join([self.estimator["name"], *([text] if text else [])])
        return stated

    def adjusted(self, llr: Tensor) -> Tensor:
        """Scale LLRs of any shape, then clip them; a factor that is not fitted yet counts as 1."""
        if self.llr_scale not in (1, FITTED):
            llr = llr * self.llr_scale
        return llr if self.llr_clip is None else llr.clamp(-self.llr_clip, self.llr_clip)

    @property
    def is_plain(self) -> bool:
        """Whether nothing is stated."""
        return not self.stated()


def _stated(estimator: Estimator) -> dict[str, Any]:
    """What was stated of an estimator, as plain values."""
    name = estimator.model_dump(mode="json")["name"]
    return {"name": name} | estimator.model_dump(mode="json", exclude_unset=True)


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
