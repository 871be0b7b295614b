"""The replays of one spike in their order, from the reproduction of the run to the verdict."""
