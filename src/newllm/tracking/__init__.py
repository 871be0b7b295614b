"""What is sent to experiment trackers while a training runs; the trackers are in `newllm.integrations.trackers`."""

from newllm.tracking.names import earlier_trackers, tracker_names
from newllm.tracking.tracking import Tracking

__all__ = ["Tracking", "earlier_trackers", "tracker_names"]
