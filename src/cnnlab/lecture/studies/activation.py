"""Activations: which saturate, which pass the gradient back, which zigzag, which die, and what each costs."""

from cnnlab.lecture.claims import Claim, Expected

SWEEP = "lecture_activation"
LESS, GREATER = Expected.LESS, Expected.GREATER
DECADE = 1.0  # a gradient vanishes if a tenth of it, or less, is left in the first layer

CLAIMS = (
    # log10 of the gradient's standard deviation before the activation, first over last hidden layer, at depth 10
    Claim("sigmoid_vanishes", LESS, DECADE, "decades", ("torch_start", "xavier_start", "he_trained")),
    Claim("tanh_vanishes", LESS, DECADE, "decades", ("torch_start", "xavier_start", "he_trained")),
    # the same of ReLU, minus that of the other activation with the same initial weights
    Claim("relu_vanishes_less", GREATER, DECADE, "decades", ("sigmoid_he", "tanh_he", "tanh_torch")),
    # the saturated fraction after training, as a mean over hidden layers
    Claim("sigmoid_saturates", GREATER, 0.1, "fraction", ("depth_2", "depth_10")),
    Claim("tanh_saturates", GREATER, 0.1, "fraction", ("depth_2", "depth_10")),
    # the dead fraction after training, as a mean over hidden layers: ReLU's minus Leaky ReLU's
    Claim("relu_units_die", GREATER, 0.01, "fraction", ("depth_2", "depth_20")),
    # the share of one sign among a neuron's incoming gradients after training, minus that of tanh, at depth 5
    Claim("sigmoid_one_sign", GREATER, 0.1, "fraction", ("per_example", "per_batch")),
    Claim("relu_one_sign", GREATER, 0.1, "fraction", ("per_example", "per_batch")),
    # the cosine between successive updates, mean over an epoch, minus that of tanh
    Claim("sigmoid_zigzags", LESS, 0.05, "fraction", ("depth_2", "depth_5")),
    # the test accuracy after an epoch at each one's best learning rate: ReLU's minus the other's
    Claim("relu_learns_faster", GREATER, 0.001, "points", ("sigmoid_2", "sigmoid_10", "tanh_2", "tanh_10")),
)
