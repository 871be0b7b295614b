"""What differs between a run and one that is known to be sound."""
