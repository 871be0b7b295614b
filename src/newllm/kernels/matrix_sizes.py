"""What the machine code of `matrix_loops` counts in, for who calls it: nothing here imports numba."""

KEPT_EVERY = 16  # positions of a chunk: as many as a vector has lanes
KEYS, VALUES = 16, 16  # what widths are multiples of
