"""Which code is a user's own, and what of it decides what a detector computes."""

from __future__ import annotations

import dataclasses
import dis
import enum
import functools
import hashlib
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Of a class: bookkeeping, not behaviour.
_BOOKKEEPING = frozenset({"_abc_impl"})
_READS = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_Function = types.FunctionType | staticmethod | classmethod | property | functools.cached_property


@functools.cache
def is_user_code(module: str) -> bool:
    """Whether a module is neither this library, nor the standard one, nor an installed package.

    What is not is told by its name: a new version of it does not change a key.
    """
    root = module.partition(".")[0]
    if root == "__main__":
        return True
    if root == __name__.partition(".")[0] or root in sys.stdlib_module_names or not root:
        return False
    file = getattr(sys.modules.get(root), "__file__", None)
    if file is None:
        return True
    installed = {sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")}
    return not any(Path(file).is_relative_to(folder) for folder in installed)


def plain_function(value: Any) -> types.FunctionType | None:
    """The Python function behind a function, a compiled one, a static method or a cache."""
    for _ in range(8):
        if isinstance(value, types.FunctionType):
            return value
        # Numba calls it py_func; functools and staticmethod leave __wrapped__.
        inner = getattr(value, "py_func", None) or getattr(value, "__wrapped__", None)
        if inner is None or not callable(value):
            return None
        value = inner
    return None


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """What a class itself defines, by name: methods, properties and values."""
    if issubclass(cls, enum.Enum):
        yield "members", [(item.name, item.value) for item in cls]
        return
    fields = getattr(cls, "_fields", None)
    is_record = issubclass(cls, tuple) and isinstance(fields, tuple)
    if is_record:
        yield "fields", (fields, getattr(cls, "_field_defaults", {}))
    if dataclasses.is_dataclass(cls) and "__dataclass_fields__" in vars(cls):
        own = dataclasses.fields(cls)
        yield "fields", [(f.name, _given(f.default), _given(f.default_factory)) for f in own]
    for name, member in sorted(vars(cls).items()):
        if isinstance(member, types.MemberDescriptorType | types.GetSetDescriptorType):
            continue
        if isinstance(member, _Function):
            yield from _functions(cls, name, member, is_record)
        elif not (is_record or name in _BOOKKEEPING or _is_special(name)):
            yield name, member


def _functions(cls: type, name: str, member: Any, is_record: bool) -> Iterator[tuple[str, Any]]:
    if isinstance(member, property):
        parts = [member.fget, member.fset]
    elif isinstance(member, functools.cached_property):
        parts = [member.func]
    else:
        parts = [getattr(member, "__func__", member)]
    for part in parts:
        # Not what a record or a dataclass wrote for itself.
        code = getattr(part, "__code__", None)
        generated = "__dataclass_fields__" in vars(cls) and _is_special(name)
        generated = generated and code is not None and code.co_filename == "<string>"
        if is_record:
            generated = part is not None and part.__module__ != cls.__module__
        if part is not None and not generated:
            yield name, part


def global_values(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """The globals that a function and those within it read, by name."""
    names: set[str] = set()
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        names |= {i.argval for i in dis.get_instructions(code) if i.opname in _READS}
        codes += [c for c in code.co_consts if isinstance(c, types.CodeType)]
    for name in sorted(names & set(function.__globals__)):
        yield name, function.__globals__[name]


def module_source(module: types.ModuleType) -> str:
    """A digest of a user's module; nothing of others."""
    file = getattr(module, "__file__", None)
    if file is None or not is_user_code(module.__name__):
        return ""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return ""


def _given(value: object) -> object:
    return None if value is dataclasses.MISSING else value


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
