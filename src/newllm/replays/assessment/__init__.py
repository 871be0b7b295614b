"""What the replays of one intervention show: how high each spikes, how that is classed, whether its signal moved."""
