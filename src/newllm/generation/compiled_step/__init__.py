"""The step of a stack as one compiled call. Importing this room's `step` needs numba; `decodable` does not."""
