"""Every random choice of a run as a function of (seed, epoch, step), so that a resumed run draws the same numbers."""

import hashlib


def derive_seed(seed: int, stream: str, *position: int) -> int:
    """Derives the seed of a stream of random numbers at a position in a run.

    Args:
        seed: The run's seed.
        stream: What is drawn: `"init"`, `"shuffle"`, `"step"`, …; streams are independent of each other.
        position: Where in the run: the epoch, for example.

    Returns:
        An integer in [0, 2⁶³), the same on every machine.
    """
    text = repr((seed, stream, *position)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1
