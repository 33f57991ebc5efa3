"""Optimisers: from the same start on hard surfaces, and on MNIST, each at the best of its learning rates."""

from cnnlab.lecture.claims import AnyClaim, Claim, ExactClaim, Expected

OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")
WITH_AND_WITHOUT_NOISE = ("momentum", "momentum_noise", "nesterov", "nesterov_noise")

CLAIMS: tuple[AnyClaim, ...] = (
    Claim(
        "sgd_zigzags_in_the_ravine",
        Expected.GREATER,
        margin=0.1,
        unit="fraction",
        conditions=("momentum_same_rate", "momentum", "nesterov"),
    ),
    Claim(
        "momentum_is_faster_in_the_ravine",
        Expected.GREATER,
        margin=0.05,
        unit="decades",
        conditions=WITH_AND_WITHOUT_NOISE,
    ),
    Claim(
        "sgd_stays_on_the_plateau",
        Expected.GREATER,
        margin=0.05,
        unit="decades",
        conditions=("momentum", "momentum_noise", "adam", "adam_noise"),
    ),
    ExactClaim("nothing_leaves_the_exact_saddle", conditions=OPTIMIZERS),
    Claim(
        "sgd_leaves_the_saddle_later",
        Expected.GREATER,
        margin=0.05,
        unit="decades",
        conditions=("momentum_noise", "nesterov_noise", "adam_noise"),
    ),
    Claim(
        "momentum_leaves_the_poor_minimum",
        Expected.GREATER,
        margin=0.1,
        unit="fraction",
        conditions=WITH_AND_WITHOUT_NOISE,
    ),
    Claim(
        "adagrad_slows", Expected.LESS, margin=0.1, unit="decades", conditions=("adagrad", "adagrad_lecture")
    ),
    Claim("rmsprop_keeps_its_pace", Expected.GREATER, margin=0.1, unit="decades", conditions=("rmsprop", "adam")),
    Claim(
        "adagrad_falls_behind_rmsprop",
        Expected.GREATER,
        margin=0.001,
        unit="points",
        conditions=("adagrad", "adagrad_lecture"),
    ),
    Claim(
        "later_optimizers_beat_sgd",
        Expected.GREATER,
        margin=0.001,
        unit="points",
        conditions=("momentum", "nesterov", "rmsprop", "adam"),
    ),
)
