"""Unpacks the stored runs of the doctor's benchmark.

python unpacked.py DIR PACKED
"""

import sys
from pathlib import Path

from stored import unpack

unpack(Path(sys.argv[1]), Path(sys.argv[2]))
