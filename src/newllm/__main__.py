"""`python -m newllm`: the command line."""

import sys

from newllm.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
