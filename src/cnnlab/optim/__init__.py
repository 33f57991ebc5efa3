"""Optimisers, learning-rate schedules and weight averaging that torch lacks."""

from cnnlab.optim.adagrad import LectureAdagrad
from cnnlab.optim.averaging import ExponentialMovingAverage
from cnnlab.optim.muon import MuonAdamW

__all__ = ["ExponentialMovingAverage", "LectureAdagrad", "MuonAdamW"]
