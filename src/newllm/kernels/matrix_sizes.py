"""What the machine code of `matrix_loops` counts in, for who calls it: nothing here imports numba."""

KEPT_EVERY = 16  # positions: so many matrices of 64 x 64 are 256 KiB, which the second cache holds
KEYS, VALUES = 4, 16  # what widths are multiples of
