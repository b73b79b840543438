"""``python -m seisnb`` is the command line."""

import sys

from seisnb.cli import run

sys.exit(run())
