"""``python -m seisnb`` is the command line."""

import sys

from seisnb.cli import main

sys.exit(main())
