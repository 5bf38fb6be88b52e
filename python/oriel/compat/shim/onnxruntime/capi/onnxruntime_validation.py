"""What onnxruntime checks of the system it runs on."""

from oriel.ort import get_version_string


def check_distro_info():
    """Nothing depends on the distribution."""


def check_training_module():
    """(whether training is built in, name, version, CUDA's version): it is not."""
    return False, "", "", ""


def get_package_name_and_version_info():
    """(name of the package, its version, CUDA's version)."""
    return "onnxruntime", get_version_string(), ""
