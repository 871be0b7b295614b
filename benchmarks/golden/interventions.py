"""What a replay shows of every intervention that fits, on the run that spikes: a part that takes long."""

import json

from recording import Recording
from trainings import spiking_run


def record(to: Recording) -> None:
    """Record all of it."""
    spiking_run(to, "run")
    listed = json.loads(to.made("replay", "run", "--list", "--json"))["interventions"]
    fitting = [one["name"] for one in listed if one["fits"]]
    to.call("replay", "replay", "run", "--only", *fitting, "--budget", "3000", "--quiet")
    to.call("verdict", "replay", "run", "--only", *fitting, "--budget", "3000", "--quiet", "--json")
