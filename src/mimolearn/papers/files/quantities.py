"""Verbs: what is measured, which bounds it is held to, and how parts make a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mimolearn.foundation.errors import InvalidInputError, invalid
from mimolearn.foundation.plainmodel import PlainModel, Real

Label = Annotated[str, Field(min_length=1, max_length=80)]
Rate = Annotated[Real, Field(gt=0, lt=1)]

# Which fields say where a verb reads; "panel" is among those of every one that reads a panel.
READS: dict[str, tuple[str, ...]] = {
    "gap": ("panel", "target", "metric"),
    "snr": ("panel", "target", "metric"),
    "rate": ("panel", "at", "metric", "geometric"),
    "gmi": ("panel", "at"),
    "unlike": ("panel", "at"),
    "time": ("panel",),
    "work": ("panel", "at"),
    "level": ("panel", "at"),
    "value": ("panel",),
    "number": (),
}
JOINS = "difference", "ratio", "product"
COMBINES = "all", "any", "order", "falls", "rises"
CONTEXT = "panel", "at", "target", "metric", "geometric"


class Quantity(PlainModel):
    """A number with its interval: exactly one verb, and where it reads.

    Fields that say where apply to the quantities inside as well, unless those say otherwise.

    Attributes:
        gap: [worse, better]; how many dB more SNR the first needs than the second at the target.
        snr: SNR in dB that a receiver needs for the target.
        rate: error rate of a receiver, or mean error rate of a beamformer, at an SNR.
        gmi: generalised mutual information a bit of a coded link, at an SNR.
        unlike: [one, other]; vectors that one got wrong and the other did not, at an SNR.
        time: measured microseconds a vector of a receiver, where the panel is timed.
        work: real multiplications a vector of a receiver, its share of the channel's included; of a
            search, whose work depends on the data, at an SNR.
        level: mean square of a receiver's estimate, in the unit of the panel; ``at`` is on its
            axis, and without it the last point.
        value: a number that a panel in Python gives, by name.
        number: itself.
        difference: [first, second]; the first less the second, from common draws where both are of
            one panel.
        ratio: [first, second]; the first over the second, likewise.
        product: of all.
        panel: name of the panel; needed where the figure has several.
        at: SNR in dB, or x of an accuracy panel.
        target: error rate; that of the panel by default.
        metric: error rate by name; that of the panel by default.
        geometric: the geometric mean over channels, of a beamformer.
        unit: of the number, for readers.
    """

    gap: tuple[Label, Label] | None = None
    snr: Label | None = None
    rate: Label | None = None
    gmi: Label | None = None
    unlike: tuple[Label, Label] | None = None
    time: Label | None = None
    work: Label | None = None
    level: Label | None = None
    value: Label | None = None
    number: Real | None = None
    difference: tuple[Quantity, Quantity] | None = None
    ratio: tuple[Quantity, Quantity] | None = None
    product: Annotated[tuple[Quantity, ...], Field(min_length=1)] | None = None
    panel: str = ""
    at: Real | None = None
    target: Rate | None = None
    metric: str = ""
    geometric: bool = False
    unit: str = ""

    @property
    def verb(self) -> str:
        """The one that is given."""
        return next(iter(self._verbs()))

    def parts(self) -> tuple[Quantity, ...]:
        """Quantities that a difference, a ratio or a product is made of."""
        return self.difference or self.ratio or self.product or ()

    def labels(self) -> tuple[str, ...]:
        """Receivers that a verb names."""
        if self.verb not in READS or self.verb in ("value", "number"):
            return ()
        named = getattr(self, self.verb)
        return named if isinstance(named, tuple) else (named,)

    def leaves(self) -> Iterator[Quantity]:
        """The quantities that read a panel, or are numbers."""
        if self.verb in READS:
            yield self
        for part in self.parts():
            yield from part.leaves()

    def _verbs(self) -> list[str]:
        return [verb for verb in (*READS, *JOINS) if getattr(self, verb) is not None]

    @model_validator(mode="after")
    def _is_sound(self) -> Quantity:
        self._check()
        return self

    def _check(self) -> None:
        """Raise InvalidInputError for what does not go together."""
        verbs = self._verbs()
        if len(verbs) != 1:
            raise invalid("verb", ", ".join(verbs) or "none", f"one of {', '.join(all_verbs())}")
        used = READS.get(verbs[0], CONTEXT)
        for name in CONTEXT:
            if name not in used and getattr(self, name) not in (None, "", False):
                raise invalid(name, getattr(self, name), f"nothing: {verbs[0]} does not use it")
        if verbs[0] in ("rate", "gmi", "unlike") and self.at is None:
            raise InvalidInputError(f"at: missing, {verbs[0]} is read at an SNR in dB")


def all_verbs() -> tuple[str, ...]:
    """All verbs of quantities."""
    return (*READS, *JOINS)


class Test(Quantity):
    """What has to hold: a quantity within its bounds, or tests joined by all, any or an order.

    Attributes:
        at_least: lower bound of the whole interval.
        at_most: upper bound of it.
        published: the paper's number; the interval has to lie within the tolerance of it.
        tolerance: how far off still counts as the same, in the unit of the number.
        tolerance_percent: the same in per cent of the paper's number.
        better: "lower" or "higher", for a number that may also be beaten.
        in_every_seed: has to hold for every training seed, not for their mean.
        words: what stands before the number.
        all: tests of which all have to hold.
        any: tests of which one has to hold.
        order: labels, each of which is below the next in what ``by`` names.
        by: "rate", "level" or "snr"; of ``order``.
        falls: label of a receiver whose rate or level falls from one x of ``over`` to the next.
        rises: the same, rising.
        over: ascending x.
    """

    __test__ = False  # not one of pytest's

    at_least: Real | None = None
    at_most: Real | None = None
    published: Real | None = None
    tolerance: Annotated[Real, Field(gt=0)] | None = None
    tolerance_percent: Annotated[Real, Field(gt=0)] | None = None
    better: Literal["", "lower", "higher"] = ""
    in_every_seed: bool = False
    words: str = ""
    all: Annotated[tuple[Test, ...], Field(min_length=1)] | None = None
    any: Annotated[tuple[Test, ...], Field(min_length=1)] | None = None
    order: Annotated[tuple[Label, ...], Field(min_length=2)] | None = None
    by: Literal["", "rate", "level", "snr"] = ""
    falls: Label | None = None
    rises: Label | None = None
    over: tuple[Real, ...] = ()

    @property
    def combination(self) -> str:
        """The way of joining that is given; "" for a quantity."""
        return next((word for word in COMBINES if getattr(self, word) is not None), "")

    def tests(self) -> tuple[Test, ...]:
        """The tests that it joins."""
        return self.all or self.any or ()

    def leaves(self) -> Iterator[Quantity]:
        for test in self.tests():
            yield from test.leaves()
        if not self.combination:
            yield from super().leaves()

    def bounds(self) -> tuple[float, float]:
        """Lowest and highest number that the interval may reach."""
        if self.published is not None:
            width = self.allowed()
            return self.published - width, self.published + width
        low = float("-inf") if self.at_least is None else self.at_least
        return low, float("inf") if self.at_most is None else self.at_most

    def allowed(self) -> float:
        """How far from the paper's number still counts as the same."""
        assert self.published is not None
        if self.tolerance is not None:
            return self.tolerance
        return abs(self.published) * (self.tolerance_percent or 0.0) / 100

    def _check(self) -> None:
        joined = [word for word in COMBINES if getattr(self, word) is not None]
        verbs = [*joined, *self._verbs()]
        if len(verbs) != 1:
            expected = f"one of {', '.join((*all_verbs(), *COMBINES))}"
            raise invalid("verb", ", ".join(verbs) or "none", expected)
        if joined:
            self._check_joined(joined[0])
            return
        super()._check()
        self._check_bounds()

    def _check_bounds(self) -> None:
        low, high = self.at_least, self.at_most
        if self.published is None:
            if low is None and high is None:
                raise InvalidInputError("at_most: missing; give at_least, at_most or published")
            if self.better or self.tolerance is not None or self.tolerance_percent is not None:
                raise InvalidInputError("published: missing; tolerance and better are of it")
            if low is not None and high is not None and low > high:
                raise invalid("at_most", high, f"at least at_least = {low:g}")
            return
        if low is not None or high is not None:
            raise invalid("published", self.published, "no at_least or at_most beside it")
        if (self.tolerance is None) == (self.tolerance_percent is None):
            raise InvalidInputError("tolerance: missing; give tolerance or tolerance_percent")

    def _check_joined(self, word: str) -> None:
        for name in ("at_least", "at_most", "published", "tolerance", "tolerance_percent"):
            if getattr(self, name) is not None:
                raise invalid(name, getattr(self, name), f"nothing: it is of the parts of {word}")
        if word == "order" and not self.by:
            raise InvalidInputError("by: missing, order is by rate, level or snr")
        steps = list(self.over)
        if word in ("falls", "rises") and (len(steps) < 2 or steps != sorted(set(steps))):
            raise invalid("over", steps, "two or more x, ascending")


class Objection(Test):
    """What shows that the paper is wrong.

    Attributes:
        reason: why it is, where the test holds.
    """

    reason: Annotated[str, Field(min_length=1)]


class Remark(Test):
    """Something that the paper leaves out, as a baseline; said where its test holds.

    Attributes:
        text: what is said.
    """

    text: Annotated[str, Field(min_length=1)]


_NO_TEST = "undecidable", "open"


class Claim(Test):
    """A statement of a paper and what it is judged by.

    Attributes:
        id: unique in the figure, for links.
        text: the statement in our words.
        source: the section, figure or table that says it.
        of: "paper", or "library" for what this library promises or checks.
        objection: shows the paper to be wrong where it holds; else the claim's own test counts.
        remark: what the paper leaves out.
        undecidable: what the paper leaves out without which nothing can be judged.
        open: what is missing to judge it here.
        price: what that would cost, for ``open``.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,79}$")]
    text: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    of: Literal["paper", "library"] = "paper"
    objection: Objection | None = None
    remark: tuple[Remark, ...] = ()
    undecidable: str = ""
    open: str = ""
    price: str = ""

    @property
    def has_test(self) -> bool:
        """Whether the claim has a test of its own."""
        return bool(self.combination or self._verbs())

    def every_test(self) -> tuple[Test, ...]:
        """Its own, the objection's and those of the remarks."""
        own = (self,) if self.has_test else ()
        return (*own, *((self.objection,) if self.objection else ()), *self.remark)

    def _check(self) -> None:
        said = [word for word in _NO_TEST if getattr(self, word)]
        if self.price and "open" not in said:
            raise invalid("price", self.price, "nothing: it is of 'open'")
        if self.has_test and said:
            raise invalid(said[0], getattr(self, said[0]), "nothing beside a test")
        if self.has_test:
            super()._check()
        elif not said and self.objection is None:
            verbs = ", ".join((*all_verbs(), *COMBINES))
            raise InvalidInputError(f"test: missing; give one of {verbs}, undecidable, open")
        elif len(said) > 1:
            raise invalid(said[1], getattr(self, said[1]), f"nothing beside {said[0]}")


def inherit(table: dict[str, Any], outer: dict[str, Any]) -> dict[str, Any]:
    """A claim, test or quantity as parsed, with what the tables around it say of where to read.

    Args:
        table: as parsed.
        outer: fields of ``CONTEXT`` that hold outside.
    """
    context = {**outer, **{name: table[name] for name in CONTEXT if name in table}}
    verb = next((verb for verb in READS if verb in table), "")
    if verb:
        given = {name: context[name] for name in READS[verb] if name in context}
        inner = {**given, **table}
    else:
        inner = dict(table) | {
            name: context[name]
            for name in (*CONTEXT,)
            if name in context and any(word in table for word in ("order", "falls", "rises"))
        }
    for name in (*JOINS, "all", "any", "remark"):
        if isinstance(inner.get(name), list):
            inner[name] = [
                inherit(item, context) if isinstance(item, dict) else item for item in inner[name]
            ]
    if isinstance(inner.get("objection"), dict):
        inner["objection"] = inherit(inner["objection"], context)
    return inner
