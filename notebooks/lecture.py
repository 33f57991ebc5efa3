# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What makes a small CNN learn?
#
# The lecture in a notebook, thin over the package `cnnlab`: every cell is something to change and run again. The whole
# lecture, with measured verdicts on each claim, is one page: `make lecture`, or docs/lecture/index.html.
#
# In a clone: `make install-dev`, then `.venv/bin/jupytext --sync notebooks/lecture.py` keeps this file and the
# notebook alike.

# %%
import os
import subprocess
import sys
import time
from math import log10
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from hydra import compose, initialize_config_dir

from cnnlab.apply.load import load_finished
from cnnlab.lecture.claims import Claim, Expected
from cnnlab.lecture.judge import judge
from cnnlab.observe.probe import probe
from cnnlab.training.build import build_classifier, build_data

ROOT = Path.cwd().parent if Path.cwd().name == "notebooks" else Path.cwd()


def config_of(*overrides):
    """What `python train.py <overrides>` would run, as a config."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("train", ["data=mnist_5k", *overrides])


# %% [markdown]
# ## The data
# `data=mnist_5k` is 5,000 images that come with a package; `data=mnist` downloads all 70,000.

# %%
data = build_data(config_of())
data.setup()
images, labels = data.part("train")
figure, axes = plt.subplots(1, 10, figsize=(10, 1.2))
for panel, image, label in zip(axes, images, labels, strict=False):
    panel.imshow(image[0], cmap="gray_r")
    panel.set_title(int(label))
    panel.axis("off")

# %% [markdown]
# ## Convolution
# One number of a map is a window of the image times a kernel, summed. torch does not flip the kernel.

# %%
network = build_classifier(config_of("kernels=torch")).network.eval()
convolution = next(layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d))
window, kernel = images[0, 0, 10:15, 10:15], convolution.weight[0, 0]
by_hand = (window * kernel).sum() + convolution.bias[0]
by_torch = torch.nn.functional.conv2d(images[:1], convolution.weight, convolution.bias)[0, 0, 10, 10]
print(f"by hand {by_hand:.6f}, by torch {by_torch:.6f}")
print(f"{sum(parameter.numel() for parameter in network.parameters()):,} parameters")

# %% [markdown]
# ## Pooling
# The largest of each 2×2 window, or its mean: half the width and height. Max pooling keeps the strongest response.

# %%
with torch.inference_mode():
    maps = torch.nn.functional.conv2d(images[:1], convolution.weight, convolution.bias)
    pooled = {
        "map": maps,
        "max": torch.nn.functional.max_pool2d(maps, 2),
        "average": torch.nn.functional.avg_pool2d(maps, 2),
    }
figure, axes = plt.subplots(1, 3, figsize=(7, 2.4))
for panel, (name, values) in zip(axes, pooled.items(), strict=True):
    panel.imshow(values[0, 0])
    panel.set_title(f"{name}, {values.shape[2]}×{values.shape[3]}")
    panel.axis("off")

# %% [markdown]
# ## Loss
# Where the network is confidently wrong, the gradient of the squared error vanishes; that of the cross-entropy does
# not.

# %%
margins = torch.linspace(-8, 8, 101)  # of the true class's logit over the other's
logits = torch.stack([margins, torch.zeros_like(margins)], dim=1).requires_grad_()
truth = torch.zeros(len(margins), dtype=torch.long)
figure, panel = plt.subplots(figsize=(6, 3))
for name, loss in {
    "cross-entropy": torch.nn.functional.cross_entropy(logits, truth, reduction="sum"),
    "squared error": (logits.softmax(dim=1) - torch.nn.functional.one_hot(truth, 2)).square().sum(),
}.items():
    (gradient,) = torch.autograd.grad(loss, logits, retain_graph=True)
    panel.plot(margins, gradient[:, 0].abs(), label=name)
panel.set(xlabel="logit of the true class, minus the other's", ylabel="|gradient|")
panel.legend()

# %% [markdown]
# ## Inside a network, before the first step
# In 30 layers of sigmoids the gradient vanishes: the first layer's is many orders of magnitude smaller than the last's.

# %%
figure, panel = plt.subplots(figsize=(7, 3))
for activation in ("sigmoid", "tanh", "relu"):
    deep = build_classifier(config_of("model=mlp", "model.depth=30", f"activation={activation}", "init=xavier_normal"))
    readings = probe(deep.network, deep.loss, images[:200], labels[:200])
    panel.semilogy([each.value for each in readings if each.quantity == "gradient_norm"], label=activation)
panel.set(xlabel="layer, from the first to the last", ylabel="gradient norm")
panel.legend()

# %% [markdown]
# ## Initialisation
# With weights of one standard deviation for all layers, signals die out in deep layers (0.05 is too small for 100
# units); Xavier's keeps their variance.

# %%
figure, panel = plt.subplots(figsize=(7, 3))
for init in ("random_normal", "xavier_normal"):
    deep = build_classifier(config_of("model=mlp", "model.depth=30", "activation=tanh", f"init={init}"))
    readings = probe(deep.network, deep.loss, images[:200], labels[:200])
    panel.semilogy([each.value for each in readings if each.quantity == "post_std"], label=init)
panel.set(xlabel="layer, from the first to the last", ylabel="standard deviation of activations")
panel.legend()

# %% [markdown]
# ## Training
# A run is a command, here in a process of its own; its folder has its result, checkpoints and pictures.

# %%
run = ROOT / "outputs" / "notebook" / time.strftime("%Y-%m-%d_%H-%M-%S")
command = ["train.py", "data=mnist_5k", "trainer.max_epochs=6", "console=none", "logger=none", f"hydra.run.dir={run}"]
subprocess.run([sys.executable, *command], cwd=ROOT, check=True, env=os.environ)
classifier, tested = load_finished(run)
test_images, test_labels = tested.part("test")
with torch.inference_mode():
    accuracy = (classifier.network(test_images).argmax(dim=1) == test_labels).float().mean()
print(f"{accuracy:.1%} of the test images")

# %% [markdown]
# ## A verdict
# One run is an anecdote. The rule stands before the data: an effect for each seed, a margin, and one correction for all
# claims. Here: the sigmoid's gradient in the first of 10 layers is less than a tenth of tanh's.

# %%
claim = Claim("sigmoid_vanishes", Expected.LESS, margin=1.0, unit="decades", conditions=("depth 10",))


def first_gradient(activation, seed):
    """log10 of the gradient norm in the first layer."""
    overrides = ("model=mlp", "model.depth=10", f"activation={activation}", "init=xavier_normal", f"seed={seed}")
    deep = build_classifier(config_of(*overrides))
    readings = probe(deep.network, deep.loss, images[:200], labels[:200])
    return log10(next(each.value for each in readings if each.quantity == "gradient_norm"))


effects = [first_gradient("sigmoid", seed) - first_gradient("tanh", seed) for seed in range(5)]
(judgement,) = judge([claim], {claim.name: {"depth 10": effects}}, [claim])
(finding,) = judgement.findings
factor = 10**-finding.mean
print(
    f"{judgement.verdict}: {factor:.3g} times tanh's, 95 % interval {10**-finding.high:.2g} to {10**-finding.low:.2g}"
)
