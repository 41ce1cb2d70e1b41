"""What recorded LLRs are worth: sign convention, calibration, best scale, bits to store them in."""

from mimolearn.results.llrs.check import Bin, LlrCheck, Stored, check_llrs

__all__ = ["Bin", "LlrCheck", "Stored", "check_llrs"]
