"""What the replays of one intervention show: how high each spikes, the outcome, whether its signal moved."""
