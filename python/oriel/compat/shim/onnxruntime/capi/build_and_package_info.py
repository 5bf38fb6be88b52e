"""Name and version of the package."""

from oriel.ort import __version__  # noqa: F401

package_name = "onnxruntime"
