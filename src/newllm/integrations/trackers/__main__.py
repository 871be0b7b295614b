"""`python -m newllm.integrations.trackers NAME`, see `process`."""

import sys

from newllm.integrations.trackers.process import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
