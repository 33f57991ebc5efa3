"""Optimisers, learning-rate schedules and averaging that torch does not have."""

from cnnlab.optim.averaging import ExponentialMovingAverage
from cnnlab.optim.muon import MuonAdamW

__all__ = ["ExponentialMovingAverage", "MuonAdamW"]
