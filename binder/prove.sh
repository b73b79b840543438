#!/bin/bash
# What Binder would do with this repository, without Docker: repo2docker's own choice of build pack
# and versions, its steps in a clean environment, then a browser at every door of welcome.ipynb.
#
#   binder/prove.sh [FOLDER]      (make binder); FOLDER is kept, by default a temporary one
#
# Needs Python 3.11 as python3.11, the development environment in .venv (or PYTHON), Chromium.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-$here/.venv/bin/python}
[ -x "$python" ] || { echo "prove.sh: no $python; run make setup, or name it by PYTHON" >&2; exit 1; }
if [ $# -gt 0 ]; then
  work=$1; mkdir -p "$work"; work=$(cd "$work" && pwd)
else
  work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
fi
say() { printf '%s  %s\n' "$(date +%T)" "$*"; }

say "a copy of what is or would be committed"
rm -rf "$work/repo" "$work/env"; mkdir -p "$work/repo"
(cd "$here" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/repo")
cd "$work/repo"

say "what repo2docker makes of it"
[ -x "$work/repo2docker/bin/repo2docker" ] || {
  python3.11 -m venv "$work/repo2docker"
  "$work/repo2docker/bin/pip" install -q --disable-pip-version-check jupyter-repo2docker
}
"$work/repo2docker/bin/python" - > "$work/pins" <<'PYTHON'
"""Check the build pack's view of the folder; print the server's versions of its lock file."""
import re
import sys
from pathlib import Path

import repo2docker
from repo2docker.app import Repo2Docker

app = Repo2Docker()
for kind in app.buildpacks:
    pack = kind(base_image=app.base_image)
    pack.platform = "linux/amd64"
    if pack.detect():
        break
assert type(pack).__name__ == "PythonBuildPack", pack
assert pack.python_version == "3.11", pack.python_version
assert pack.get_start_script().endswith("/binder/start")
assert pack.get_post_build_scripts() == ["binder/postBuild"]
assert any("binder/requirements.txt" in text for _, text in pack.get_assemble_scripts())
lock = Path(repo2docker.__file__).parent / "buildpacks/conda/environment.py-3.11-linux-64.lock"
wanted = (
    "jupyterlab", "notebook", "ipywidgets", "jupyter_server", "ipykernel", "jupyterlab_widgets",
    "jupyterhub-singleuser", "jupyter-resource-usage",
)
for name in wanted:
    [version] = set(re.findall(rf"/{name}-(\d[^-]*)-", lock.read_text()))
    print(f"{name.removesuffix('-singleuser')}=={version}")
print(f"build pack {type(pack).__name__}, Python {pack.python_version}", file=sys.stderr)
PYTHON

say "the server's versions: $(tr '\n' ' ' < "$work/pins")"
python3.11 -m venv "$work/env"
unset PYTHONPATH
export PATH="$work/env/bin:$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1
pip install -q -r "$work/pins"
say "binder/requirements.txt"
pip install -q --no-cache-dir -r binder/requirements.txt
pip check
say "binder/postBuild"
binder/postBuild
du -sm "$work/env" | sed 's/\t.*/ MB in the environment/'

say "the doors"
PYTHONPATH=$work/repo SEISNB_BINDER_ENV=$work/env \
  "$python" -m pytest -q -s -m benchmark tests/benchmarks/test_binder_doors.py
say "proven"
