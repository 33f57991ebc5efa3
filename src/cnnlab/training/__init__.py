"""Training: the LightningModule, what surrounds it, and one run from a config to its result.json."""

# ruff: noqa: E402  the first call has to come before anything imports lightning

from cnnlab.deferred_imports import defer_imports

defer_imports()

from cnnlab.training.averaging import ExponentialMovingAverage
from cnnlab.training.classifier import Classifier
from cnnlab.training.muon import MuonAdamW
from cnnlab.training.pruning import Pruning
from cnnlab.training.run import run
from cnnlab.training.tensorboard import RunFolderTensorBoard

__all__ = ["Classifier", "ExponentialMovingAverage", "MuonAdamW", "Pruning", "RunFolderTensorBoard", "run"]
