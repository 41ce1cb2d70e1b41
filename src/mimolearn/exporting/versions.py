"""Which ONNX Runtime reads a file: what its form and its operators need."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import onnx


class Release(NamedTuple):
    """The first ONNX Runtime that was built with an ONNX release, and what that release defines.

    Attributes:
        ir: version of the file's form.
        opset: of the standard operators.
    """

    runtime: str
    ir: int
    opset: int


# Each runtime reads the forms and operators of all rows before its own.
RELEASES = (
    Release("1.12", 8, 17),
    Release("1.14", 8, 18),
    Release("1.15", 9, 19),
    Release("1.17", 9, 20),
    Release("1.18", 10, 21),
    Release("1.21", 10, 22),
    Release("1.23", 11, 23),
)


def oldest_runtime(model: onnx.ModelProto) -> str:
    """The oldest ONNX Runtime of RELEASES that reads a model; "unknown" for a newer form."""
    opsets = [item.version for item in model.opset_import if item.domain in ("", "ai.onnx")]
    for release in RELEASES:
        if model.ir_version <= release.ir and max(opsets, default=0) <= release.opset:
            return release.runtime
    return "unknown"
