"""The addresses of chance: what a run of today draws is what one of tomorrow draws."""

from newllm.chance import numpy_stream, stream_seed


def test_an_address_has_one_seed_for_good() -> None:
    assert stream_seed(0, "order", 3) == 3339898520332188405
    assert stream_seed(True, "order", 3) == stream_seed(1, "order", 3)
    seeds = {stream_seed(seed, name, at) for seed in range(9) for name in ("a", "b") for at in (0, 1, "0")}
    assert len(seeds) == 54
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62


def test_a_stream_draws_the_same_for_good() -> None:
    assert numpy_stream(0, "order", 3).integers(1000, size=4).tolist() == [764, 106, 113, 221]
