"""The programs of the benchmark, a file a subject, and their runs."""
