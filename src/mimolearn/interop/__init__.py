"""Other libraries' receivers among ours, and ours in their simulations.

Importing this registers the contenders by name; the other library itself is imported when one of
them is built.
"""

from mimolearn.interop.sionna import SionnaDetector
from mimolearn.interop.sionna_peers import SionnaEP, SionnaKBest, SionnaLMMSE, SionnaMMSEPIC

__all__ = ["SionnaDetector", "SionnaEP", "SionnaKBest", "SionnaLMMSE", "SionnaMMSEPIC"]
