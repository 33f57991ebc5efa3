import pytest
from torch import nn

from cnnlab.nn.modes import evaluation_mode


def test_each_layer_is_back_in_its_own_mode_whatever_happens():
    network = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1).eval())
    with pytest.raises(RuntimeError), evaluation_mode(network):
        assert [module.training for module in network.modules()] == [False] * 3
        raise RuntimeError
    assert [module.training for module in network.modules()] == [True, True, False]
