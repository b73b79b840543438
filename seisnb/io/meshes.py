"""Triangle meshes of surfaces in the rock: gmsh files, or longitude, latitude and depth."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from seisnb.conventions import FileFormatError, GeometryError, InputError
from seisnb.io.lines import read_text
from seisnb.projection import Projection

Array = NDArray[np.float64]
WHERE = "read_mesh"


def read_mesh(
    path: str | Path, projection: Projection | str, *, coordinates: str | None = None
) -> tuple[Array, NDArray[np.intp]]:
    """Read a surface as vertices and triangles.

    Parameters
    ----------
    path : str or Path
        ``.msh`` (gmsh), or text with longitude, latitude and depth in three columns.
    projection : Projection or str
        That vertices come out in.
    coordinates : {"degrees", "km", "m"}, optional
        Of the file's horizontal axes; told from their range by default.

    Returns
    -------
    vertices : Array, (n, 3)
        Easting, northing, depth [km], depth positive down: heights, negative below sea level, are
        turned, and metres divided.
    triangles : NDArray of int, (m, 3)

    Raises
    ------
    InputError
        There is no such file, or ``coordinates`` is unknown.
    FileFormatError
        It cannot be read, or holds no triangle.
    GeometryError
        Coordinates that are not finite, or triangles cannot be made of the points.
    """
    path = Path(path)
    if coordinates not in (None, "degrees", "km", "m"):
        raise InputError(
            f"{WHERE}: coordinates is {coordinates!r}; expected 'degrees', 'km' or 'm'."
        )
    if not path.is_file():
        raise InputError(f"{WHERE}: there is no file {str(path)!r}. Check the path.")
    if path.suffix == ".msh":
        points, triangles = _gmsh(path)
    else:
        rows = read_text(path, where=WHERE).rows()
        points = np.array([[row.real(i, what) for i, what in enumerate(
            ("longitude", "latitude", "depth"))] for row in rows])  # fmt: skip
        triangles = None
    if not np.isfinite(points).all():
        raise GeometryError(f"{WHERE}: {path.name} has coordinates that are not finite.")
    is_degrees = bool((np.abs(points[:, 0]) <= 360).all() and (np.abs(points[:, 1]) <= 90).all())
    kind = coordinates or ("degrees" if is_degrees else "km")
    z = points[:, 2]
    z = z / 1000.0 if np.abs(z).max() > 800.0 else z
    z = -z if np.median(z) < 0 else z
    if kind == "degrees":
        where = projection if isinstance(projection, Projection) else Projection(projection)
        x, y = where.forward(points[:, 0], points[:, 1])
    else:
        x, y = (points[:, :2] / (1000.0 if kind == "m" else 1.0)).T
    if triangles is None:
        if points.shape[0] < 3:
            raise GeometryError(f"{WHERE}: {path.name} has {points.shape[0]} points; 3 or more.")
        triangles = Delaunay(np.column_stack([x, y])).simplices
    return np.column_stack([x, y, z]), np.asarray(triangles, np.intp)


def _gmsh(path: Path) -> tuple[Array, NDArray[np.intp]]:
    """Points and triangles of a gmsh file."""
    import meshio

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            mesh = meshio.gmsh.read(path)  # meshio.read would print, and end the process
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise FileFormatError(
            f"{WHERE}: {path.name} cannot be read as gmsh ({reason}); expected a whole file "
            "of format 2 or 4."
        ) from error
    triangles = mesh.cells_dict.get("triangle")
    if triangles is None or not len(triangles):
        raise FileFormatError(
            f"{WHERE}: {path.name} holds {sorted(mesh.cells_dict)}; expected triangles."
        )
    return np.asarray(mesh.points, float), np.asarray(triangles, np.intp)
