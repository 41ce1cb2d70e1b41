"""A Ray cluster (optional extra): reaching one, or starting one on this machine."""

from __future__ import annotations

import importlib
import logging
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mimolearn.foundation.errors import InvalidInputError, MimolearnError, invalid

_CONNECT_S = 10.0


@contextmanager
def cluster(num_workers: int, address: str | None = None) -> Iterator[Any]:
    """The ray module, connected; a cluster that was started here is taken down again.

    num_workers: processors of one that is started here, its files in a temporary directory.
    address: of a running one. Raises InvalidInputError where Ray is not installed, MimolearnError
    where no cluster answers.
    """
    ray = import_ray()
    # Ray keeps sockets there, whose paths may have 107 bytes: a short name.
    folder = tempfile.mkdtemp(prefix="ray-") if address is None else None
    owner = False
    try:
        owner = connect(ray, num_workers, address, folder)
        yield ray
    finally:
        if owner:
            ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def import_ray() -> Any:
    """The module. Raises InvalidInputError where it is not installed."""
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise InvalidInputError(
            "executor: got 'ray', which is not installed; pip install 'mimolearn[ray]'"
        ) from None


def connect(ray: Any, num_workers: int, address: str | None, folder: str | None) -> bool:
    """Connect to a cluster, or start one that keeps its files in folder.

    Returns True if the connection is ours to end: a caller's own is taken as it is.
    """
    if ray.is_initialized():
        return False
    if address is None:
        cluster = {"num_cpus": num_workers, "include_dashboard": False, "_temp_dir": folder}
    else:
        cluster = {"address": address}
        check_reachable(address)
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **cluster)
    except (ConnectionError, ValueError, RuntimeError) as error:
        line = str(error).partition("\n")[0]
        where = "this machine" if address is None else address
        raise MimolearnError(f"ray: no cluster at {where}: {line}") from None
    return True


def check_reachable(address: str) -> None:
    """Refuse an address where nothing listens, which Ray itself would try for five minutes.

    "auto" and names without a port are left to Ray.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return
    if not host or not port.isdecimal():
        raise invalid("ray_address", address, "auto, host:port or ray://host:port")
    try:
        socket.create_connection((host, int(port)), _CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise MimolearnError(f"ray: no cluster at {address}: {error}") from None
