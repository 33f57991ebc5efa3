"""Training: the LightningModule, what surrounds it, and one run from a config to its result.json."""

from cnnlab.training.averaging import ExponentialMovingAverage
from cnnlab.training.classifier import Classifier
from cnnlab.training.muon import MuonAdamW
from cnnlab.training.pruning import Pruning
from cnnlab.training.run import run
from cnnlab.training.tensorboard import RunFolderTensorBoard

__all__ = ["Classifier", "ExponentialMovingAverage", "MuonAdamW", "Pruning", "RunFolderTensorBoard", "run"]
