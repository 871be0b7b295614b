"""A training that is guarded: what is done when its loss leaves its trend, and the states that it goes back to."""
