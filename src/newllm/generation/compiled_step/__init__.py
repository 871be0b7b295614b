"""The step of a stack as one compiled call. Importing this package's `step` needs numba; `decodable` does not."""
