"""What this machine has: versions, processor, devices, kernels."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import torch

import mimolearn
from mimolearn.kernels.machine.launch import PATHS
from mimolearn.studies.storage.store import STORE_SCHEMA

_PACKAGES = (
    *("torch", "numpy", "numba", "llvmlite", "sionna-no-rt", "sionna"),
    *("onnx", "onnxruntime", "ray"),
)
_EXTENSIONS = ("sse4.2", "avx", "avx2", "fma", "avx512f", "avx512bw", "avx512vl", "neon", "sve")
_LANES = {"avx512f": 16, "avx": 8}


def machine() -> dict[str, Any]:
    """Plain values; a package or extension that is not there is None or missing from its list.

    kernels: one entry for each module of compiled kernels; cached: how many of its kernels have
    machine code on disk.
    """
    from llvmlite import binding

    from mimolearn.kernels.machine.compile import cache_folder, kernel_files

    try:
        features = binding.get_host_cpu_features()
    except RuntimeError:
        # LLVM cannot tell on every processor.
        features = {}
    extensions = [name for name in _EXTENSIONS if features.get(name)]
    folder = cache_folder()
    return {
        "mimolearn": mimolearn.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "processor": {
            "name": _processor(),
            "llvm": binding.get_host_cpu_name(),
            "vector_extensions": extensions,
            "float32_lanes": next((n for key, n in _LANES.items() if key in extensions), 4),
            "processors": os.cpu_count(),
            "torch_threads": torch.get_num_threads(),
        },
        "devices": ["cpu", *_accelerators()],
        "paths": dict(PATHS),
        "kernel_cache": {
            "folder": str(folder) if folder else None,
            "writable": folder is not None and os.access(_existing(folder), os.W_OK),
        },
        "kernels": [{"name": name, "cached": count} for name, count in kernel_files().items()],
        "results_schema": STORE_SCHEMA,
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The model's name, from Linux where it says so."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _accelerators() -> list[str]:
    return [
        f"cuda:{i} {torch.cuda.get_device_name(i)}"
        for i in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    ]


def _existing(folder: Path) -> Path:
    """The folder itself, or what it would be made in."""
    return next(path for path in (folder, *folder.parents) if path.exists())
