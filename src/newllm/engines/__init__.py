"""Where the tasks of studies and replays run: processes of this machine, a Ray cluster, or SLURM."""

from newllm.engines.engine import ENGINES, Engine
from newllm.engines.pool import Died, Done, Ended, Failed, Pool

__all__ = ["ENGINES", "Died", "Done", "Ended", "Engine", "Failed", "Pool"]
