"""Before torch is imported: as the command line does, so that the tests keep their pace on a busy machine."""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")
