"""A training that is built again: what a replay is before and after it is built, and what it measured."""
