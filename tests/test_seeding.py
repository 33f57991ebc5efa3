from hypothesis import given
from hypothesis import strategies as st

from cnnlab.seeding import derive_seed


def test_a_known_value_so_that_runs_repeat_on_every_machine():
    assert derive_seed(0, "shuffle", 0) == 3089410719962975365


@given(st.integers(0, 2**63), st.text(max_size=5), st.lists(st.integers(0, 10**6), max_size=3))
def test_it_fits_a_torch_generator(seed: int, stream: str, position: list[int]):
    assert 0 <= derive_seed(seed, stream, *position) < 2**63


def test_seeds_streams_and_positions_do_not_meet():
    seeds = {
        derive_seed(seed, stream, epoch, step)
        for seed in range(5)
        for stream in ("shuffle", "step")
        for epoch in range(20)
        for step in range(20)
    }
    assert len(seeds) == 5 * 2 * 20 * 20
