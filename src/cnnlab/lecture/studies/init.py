"""Initial weights: which keep the signals of a deep network, forwards and backwards, and what that is worth."""

from cnnlab.lecture.claims import Claim, ExactClaim, Expected

SWEEP = "lecture_init"
LESS, GREATER = Expected.LESS, Expected.GREATER
DECADE = 1.0  # a signal is lost if its standard deviation changes tenfold between the first and the last hidden layer
LAYERS = {"input_layer": (784, 100), "hidden_layer": (100, 100)}  # fan_in, fan_out

CLAIMS = (
    # log10 of the activations' standard deviation, last over first hidden layer, at depth 10
    Claim("random_normal_silences", LESS, DECADE, "decades", ("tanh", "relu")),
    # the saturated fraction of the last hidden layer with normal weights of torch's own deviation, 1, minus Xavier's
    Claim("large_weights_saturate", GREATER, 0.1, "fraction", ("tanh",)),
    # |log10| of the same ratio, of activations and of gradients, minus a decade: below 0 the signal is kept
    Claim("xavier_keeps_variance", LESS, 0.0, "decades", ("tanh_forward", "tanh_back", "relu_forward", "relu_back")),
    Claim("he_keeps_variance", LESS, 0.0, "decades", ("relu_forward", "relu_back")),
    # the test accuracy after an epoch, each at its best learning rate
    Claim("xavier_learns_better", GREATER, 0.001, "points", ("tanh_10", "tanh_20")),  # than random normal
    Claim("he_better_for_relu", GREATER, 0.001, "points", ("depth_10", "depth_20")),  # than Xavier
    ExactClaim("xavier_root_is_variance", tuple(LAYERS)),  # the lecture's slip
    ExactClaim("xavier_root_is_bound", tuple(LAYERS)),
)
