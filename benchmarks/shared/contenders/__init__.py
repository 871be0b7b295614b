"""The models that the benchmarks compare, all built at about the same number of parameters."""
