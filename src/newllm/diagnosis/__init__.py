"""What is wrong in a run, from its signals alone: plain arrays in, plain data out."""
