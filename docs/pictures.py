"""Pictures of the gallery, drawn by the library when the site is built."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

import mimolearn as ml
from mimolearn.report.plots.drawing import new_figure

_LINK = {"num_tx_ant": 4, "num_rx_ant": 4, "constellation": "qpsk", "channel_reuse": 14}
_CONSTELLATIONS = ("16-qam", "16-qam-gray", "8-psk", "32-apsk", "32-qam", "128-qam")


def draw(folder: Path) -> None:
    """Draw all that are not there yet.

    Args:
        folder: for the PNG files; it exists.
    """
    for name, picture in {"gallery-rates": rates, "gallery-constellations": points}.items():
        path = folder / f"{name}.png"
        if not path.exists():
            picture(path)


def rates(path: Path) -> None:
    """Bit error rates of three receivers with their intervals, from ``result.plot``."""
    link = ml.Scenario(**_LINK)
    result = ml.simulate(link, ["zf", "lmmse", "sphere"], "0:15:3", target=1e-2, min_errors=200)
    figure, ax = new_figure(6.4, 4.8)
    result.plot(ax=ax)
    figure.savefig(path, dpi=120)


def points(path: Path) -> None:
    """Points and labels of some constellations."""
    figure, _ = new_figure(9.6, 6.4)
    figure.clear()
    for number, name in enumerate(_CONSTELLATIONS, start=1):
        _label(figure.add_subplot(2, 3, number), ml.Constellation(name))
    figure.savefig(path, dpi=120)


def _label(ax: Axes, constellation: ml.Constellation) -> None:
    num_bits = constellation.bits_per_symbol
    ax.set_title(constellation.name, fontsize=9)
    ax.set_aspect("equal")
    ax.axis("off")
    for index, point in enumerate(constellation.points.tolist()):
        ax.plot(point.real, point.imag, ".", color="#1f77b4", markersize=4)
        if num_bits <= 5:
            ax.annotate(
                f"{index:0{num_bits}b}",
                (point.real, point.imag),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=5,
            )
