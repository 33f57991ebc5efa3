"""The networks, and their parts that torch lacks."""

from cnnlab.nn.cnn import CNN
from cnnlab.nn.committee import Committee
from cnnlab.nn.lecture import LectureNet
from cnnlab.nn.mlp import MLP
from cnnlab.nn.softmax_regression import SoftmaxRegression

__all__ = ["CNN", "MLP", "Committee", "LectureNet", "SoftmaxRegression"]
