"""A program as an ONNX file, with what a reader has to know of it in its metadata."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mimolearn.exporting.extra import needed
from mimolearn.exporting.pairs import ExportError
from mimolearn.exporting.programs import Program, free_axes
from mimolearn.exporting.versions import oldest_runtime
from mimolearn.foundation.atomicfile import write_atomically

if TYPE_CHECKING:
    import onnx

OPSET = 20


def write_graph(program: Program, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a checked ONNX file.

    Args:
        program: what is written.
        path: of the file.
        metadata: text by key, which the file carries.

    Raises:
        ExportError: ONNX has no operator for a step.
    """
    onnx = needed("onnx")
    needed("onnxscript")
    with _quiet():
        try:
            exported = torch.onnx.export(
                program.real,
                program.example,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(program.inputs),
                output_names=list(program.outputs),
                dynamic_shapes=(free_axes(program.free),),
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            words = str(error.__cause__ or error).split("Failure message")[0]
            reason = " ".join(words.split())[:300]
            raise ExportError(f"export: the graph cannot be written: {reason}") from None
    assert exported is not None
    model = exported.model_proto
    _forget_sources(model)
    _name_axes(model.graph, program)
    del model.metadata_props[:]
    for key, value in {**metadata, "oldest_onnxruntime": oldest_runtime(model)}.items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    write_atomically(path, model.SerializeToString())


def _forget_sources(model: onnx.ModelProto) -> None:
    """Drop where in which file each node comes from: most of the size, and nobody else's affair."""
    bodies = [model.graph, *model.functions]
    while bodies:
        body = bodies.pop()
        del body.metadata_props[:], body.value_info[:]
        body.doc_string = ""
        for node in body.node:
            del node.metadata_props[:]
            node.doc_string = ""
            bodies += [attribute.g for attribute in node.attribute if attribute.HasField("g")]


def _name_axes(graph: object, program: Program) -> None:
    """Call free axes by their names, in place of the tracer's."""
    names: dict[str, str] = {}
    for value, free in zip(graph.input, program.free, strict=True):  # type: ignore[attr-defined]  # protobuf has no types
        for dim, name in zip(value.type.tensor_type.shape.dim, free, strict=False):
            names[dim.dim_param] = name
    for value in (*graph.input, *graph.output):  # type: ignore[attr-defined]  # as above
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in names:
                dim.dim_param = names[dim.dim_param]


@contextmanager
def _quiet() -> Iterator[None]:
    """No remarks of the exporter about packages that are not installed or names to come."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
