"""Makes the batch's own helpers importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
