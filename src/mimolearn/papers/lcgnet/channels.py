"""The correlated channels of figures 12 and 13."""

from mimolearn.link.channels import TDL
from mimolearn.link.scenario import Scenario
from mimolearn.papers.lcgnet.setting import rayleigh

RAYLEIGH = rayleigh(32, 64, "bpsk")
CORRELATED = Scenario.shipped("lcgnet-32x64-bpsk-correlated")

# A sum of 48 waves in each of 23 taps takes 26 ms a channel, so that 168 vectors share one here.
TDLA = Scenario(
    **{
        **dict(RAYLEIGH),
        "name": "lcgnet-32x64-bpsk-tdla",
        "channel": TDL(entry_variance="1/Nr"),
        "channel_reuse": 168,
    }
)
