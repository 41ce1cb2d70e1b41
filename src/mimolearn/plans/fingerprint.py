"""A digest of everything in an object that can decide what it computes."""

from __future__ import annotations

import enum
import functools
import hashlib
import logging
import re
import types
import typing
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mimolearn.foundation.errors import InvalidInputError, invalid
from mimolearn.plans.user_code import (
    global_values,
    is_user_code,
    members,
    module_source,
    plain_function,
)

# Attributes of every module that say nothing of what it computes.
_MODULE_STATE = frozenset(vars(nn.Module()))
_FORWARD_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
# Values whose representation says all of them.
_BY_REPR = (
    bool | int | float | complex | str | bytes | bytearray | range | slice | type(None)
    | type(...) | type(NotImplemented) | Decimal | Fraction | PurePath | torch.dtype
    | torch.device | np.dtype | re.Pattern | types.GenericAlias | types.UnionType
    | typing.TypeVar
)  # fmt: skip


def fingerprint(value: object, name: str = "detector") -> str:
    """64 hex digits of SHA-256 over an object's class, code and attributes, all the way down.

    Covered are numbers, text, tensors, arrays, containers, functions, classes and objects of these.
    Of code outside this library and outside installed packages the compiled instructions count,
    with the globals that they read; of all other code its name and ``revision``. An object with a
    method ``result_key()`` is told by the text that it returns. An object's ``not_in_key`` names
    attributes that are left out.

    Args:
        value: the object.
        name: what an error calls the object.

    Raises:
        InvalidInputError: one line, for what cannot be digested.
    """
    digest = _Digest({})
    try:
        digest.add(value, name)
    except RecursionError:
        raise _refused(name, "is nested too deep") from None
    return digest.hexdigest()


class _Digest:
    """Values as a stream of tagged tokens, each with its length, so that no two run together."""

    def __init__(self, done: dict[int, tuple[str, object]], around: tuple[int, ...] = ()) -> None:
        self._hash = hashlib.sha256()
        # Digests of objects by identity, with the objects, so that no identity is used twice.
        self._done = done
        # Identities of the objects that this one is inside of.
        self._around = around

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def add(self, value: Any, path: str) -> None:
        """Take in a value; path: where it is, for errors."""
        if isinstance(value, enum.Enum):
            self._put("enum", f"{type(value).__qualname__}.{value.name}")
            self.add(value.value, path)
        elif type(value).__module__ == "builtins" and isinstance(value, _BY_REPR):
            self._put(type(value).__name__, repr(value))
        elif isinstance(value, np.generic):
            self._put(f"numpy {value.dtype.str}", value.tobytes())
        elif isinstance(value, _BY_REPR) and not hasattr(value, "__dict__"):
            self._put(type(value).__qualname__, repr(value))
        elif not isinstance(value, type) and self._is_said_by_name(value):
            self._put("name", self._name_of(value))
        else:
            self._put("inside", self._digest_of(value, path))

    def _digest_of(self, value: object, path: str) -> str:
        """Of an object alone, whoever else holds it."""
        key = id(value)
        if key in self._around:
            return f"{len(self._around) - self._around.index(key)} levels up"
        if key not in self._done:
            digest = _Digest(self._done, (*self._around, key))
            if isinstance(value, type):
                digest._add_class(value, path)
            else:
                digest._add_object(value, path)
            self._done[key] = digest.hexdigest(), value
        return self._done[key][0]

    def _put(self, tag: str, content: str | bytes) -> None:
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        self._hash.update(f"{tag}\0{len(data)}\0".encode())
        self._hash.update(data)

    def _add_object(self, value: Any, path: str) -> None:
        key = getattr(value, "result_key", None)
        if callable(key):
            self._put("class", type(value).__qualname__)
            self._put("result_key", _checked_key(key(), path))
        elif isinstance(value, nn.Module):
            self._add_module(value, path)
        elif isinstance(value, Tensor):
            self._put("tensor", f"{value.dtype} {tuple(value.shape)}")
            self._put("bytes", _tensor_bytes(value, path))
        elif isinstance(value, torch.Generator):
            self._put("generator", str(value.initial_seed()))
        elif isinstance(value, np.ndarray):
            self._add_array(value, path)
        elif isinstance(value, types.ModuleType):
            self._put("module", value.__name__)
            self._put("source", module_source(value))
        elif isinstance(value, functools.partial):
            for part in (value.func, value.args, value.keywords):
                self.add(part, path)
        elif isinstance(value, types.MethodType):
            self.add(value.__func__, path)
            self.add(value.__self__, path)
        elif (function := plain_function(value)) is not None:
            self._add_function(function, path)
        else:
            self._add_container(value, path)

    def _add_array(self, value: np.ndarray, path: str) -> None:
        self._put("array", f"{value.dtype.descr} {value.shape}")
        if value.dtype.hasobject:
            self.add(value.tolist(), path)
        else:
            self._put("bytes", value.tobytes())

    def _add_container(self, value: Any, path: str) -> None:
        """Lists, tuples, sets and tables, then whatever has attributes."""
        known = isinstance(value, list | tuple | deque | dict | set | frozenset)
        if isinstance(value, dict):
            self._put("table", str(len(value)))
            for key in sorted(value, key=lambda key: self._apart(key, path)):
                self.add(key, path)
                self.add(value[key], f"{path}[{key!r}]")
        elif isinstance(value, set | frozenset):
            self._put("set", " ".join(sorted(self._apart(x, path) for x in value)))
        elif known:
            self._put("tuple" if isinstance(value, tuple) else "list", str(len(value)))
            for i, item in enumerate(value):
                self.add(item, f"{path}[{i}]")
        if known and type(value).__module__ == "builtins":
            return
        attributes = dict(_attributes(value))
        if not known and not _has_attributes(value):
            raise _refused(path, f"is a {type(value).__module__}.{type(value).__qualname__}")
        self.add(type(value), path)
        self._add_attributes(value, attributes, path)

    def _apart(self, value: object, path: str) -> str:
        digest = _Digest(self._done, self._around)
        digest.add(value, path)
        return digest.hexdigest()

    def _add_module(self, value: nn.Module, path: str) -> None:
        self.add(type(value), path)
        state = vars(value)
        own = {name: item for name, item in state.items() if name not in _MODULE_STATE}
        for group in ("_parameters", "_buffers", "_modules"):
            own |= state[group]
        own |= {name: dict(state[name]) for name in _FORWARD_HOOKS if state[name]}
        self._add_attributes(value, own, path)

    def _add_attributes(self, value: object, attributes: dict[str, Any], path: str) -> None:
        left_out = getattr(type(value), "not_in_key", frozenset())
        kept = sorted(set(attributes) - set(left_out))
        self._put("attributes", str(len(kept)))
        for name in kept:
            self._put("attribute", name)
            self.add(attributes[name], f"{path}.{name}")

    def _add_class(self, cls: type, path: str) -> None:
        self._put("class", cls.__qualname__)
        if not is_user_code(cls.__module__):
            self._put("of", cls.__module__.partition(".")[0])
            self._put("revision", str(getattr(cls, "revision", "")))
            return
        for base in cls.__mro__[1:]:
            self.add(base, path)
        for name, member in members(cls):
            self._put("member", name)
            self.add(member, f"{cls.__qualname__}.{name}")

    def _add_function(self, function: types.FunctionType, path: str) -> None:
        self._put("function", function.__qualname__)
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is not None:
            self.add(wrapped, path)
        if not is_user_code(function.__module__ or ""):
            self._put("of", (function.__module__ or "").partition(".")[0])
            return
        self._add_code(function.__code__, path, function.__doc__)
        self.add(function.__defaults__, path)
        self.add(function.__kwdefaults__, path)
        for cell in function.__closure__ or ():
            # An empty cell is a name that was never given a value.
            self.add(cell.cell_contents if _is_filled(cell) else None, path)
        for name, item in global_values(function):
            self._put("global", name)
            self.add(item, f"the global {name!r} that {function.__qualname__} reads")

    def _add_code(self, code: types.CodeType, path: str, doc: str | None = None) -> None:
        self._put("code", code.co_code)
        self._put("names", " ".join((*code.co_names, *code.co_varnames, *code.co_freevars)))
        for i, constant in enumerate(code.co_consts):
            if i == 0 and doc is not None and constant == doc:
                continue
            if isinstance(constant, types.CodeType):
                self._add_code(constant, path)
            else:
                self.add(constant, path)

    def _is_said_by_name(self, value: object) -> bool:
        builtin = isinstance(value, types.BuiltinFunctionType) and not _is_bound(value)
        named = (
            np.ufunc | logging.Logger | torch._ops.OpOverload | torch._ops.OpOverloadPacket
            | types.MethodDescriptorType | types.WrapperDescriptorType
            | types.ClassMethodDescriptorType | types.GetSetDescriptorType
            | types.MemberDescriptorType
        )  # fmt: skip
        return builtin or isinstance(value, named) or type(value).__module__ == "typing"

    def _name_of(self, value: Any) -> str:
        if type(value).__module__ == "typing":
            return repr(value)
        name = getattr(value, "__qualname__", None) or getattr(value, "name", None)
        return str(name or getattr(value, "__name__", None) or value)


def _tensor_bytes(value: Tensor, path: str) -> bytes:
    if value.layout != torch.strided or value.is_meta or value.is_quantized:
        kind = "meta" if value.is_meta else str(value.layout)
        raise _refused(path, f"is a {kind} tensor")
    flat = value.detach().resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()


def _attributes(value: object) -> Iterator[tuple[str, Any]]:
    """Of the instance, those in slots too."""
    yield from getattr(value, "__dict__", {}).items()
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            private = name.startswith("__") and not name.endswith("__")
            own = f"_{cls.__name__.lstrip('_')}{name}" if private else name
            if own not in ("__dict__", "__weakref__") and hasattr(value, own):
                yield own, getattr(value, own)


def _has_attributes(value: object) -> bool:
    """Whether attributes are all that an object is made of: compiled types hide theirs."""
    compiled = [cls for cls in type(value).__mro__ if not cls.__flags__ & _HEAP_TYPE]
    seen = hasattr(value, "__dict__") or any("__slots__" in vars(c) for c in type(value).__mro__)
    return seen and compiled in ([object], [Exception, BaseException, object])


# Set for classes that are made while a program runs, as those written in Python.
_HEAP_TYPE = 1 << 9


def _is_bound(function: Any) -> bool:
    owner = getattr(function, "__self__", None)
    return owner is not None and not isinstance(owner, types.ModuleType | type)


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018  # an empty cell raises when it is read
    except ValueError:
        return False
    return True


def _checked_key(key: object, path: str) -> str:
    if not isinstance(key, str) or not key:
        raise invalid(f"{path}.result_key()", key, "text that is not empty")
    return key


def _refused(path: str, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"{path}: {why}, which has no digest to key results by; define result_key(self) on the "
        "class, returning text for all that decides its results, or name attributes that decide "
        "nothing in not_in_key"
    )
