"""Changes of how a run is optimized: rate, moments, clipping, another optimizer; and the means that they share."""
