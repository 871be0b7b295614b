"""Before torch is imported: as the command line does, so that the tests keep their pace on a busy machine."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
