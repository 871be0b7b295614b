"""Several ranks that train together: what each wrote, or logged, and what tells them apart."""
