"""What can be replayed, a run of ours or anyone's loop, and what it did: its record and its spikes."""
