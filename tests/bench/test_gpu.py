"""The parts of the GPU's benchmark that run anywhere."""

import torch

from cnnlab.bench.gpu import resident_loop


def test_the_resident_loop_takes_every_image(compose_run):
    config = compose_run("experiment=lecture", "data.batch_size=4")
    batch = torch.randn(10, 1, 28, 28), torch.arange(10)
    epoch = resident_loop(config, batch, batch, as_graph=False)
    assert epoch.num_steps == 3
    assert epoch.train_s > 0
    assert epoch.eval_s > 0
