"""The programs that made the runs of the second set; runs.py lists them."""
