"""Adapters (LoRA): values for inputs of a model, kept in files of their own."""

from . import state
from .values import OrtValue


class AdapterFormat:
    """Makes, reads and writes adapter files. Runs take them by LoraAdapter and RunOptions.add_active_adapter()."""

    def __init__(self, adapter=None):
        self._adapter = state.AdapterFormat() if adapter is None else adapter

    @staticmethod
    def read_adapter(file_path):
        """The contents of a file; RuntimeError where it is no adapter."""
        return AdapterFormat(state.AdapterFormat.read_adapter(file_path))

    def export_adapter(self, file_path):
        """Writes the file."""
        self._adapter.export_adapter(file_path)

    def get_format_version(self):
        return self._adapter.format_version

    def set_adapter_version(self, adapter_version):
        self._adapter.adapter_version = adapter_version

    def get_adapter_version(self):
        return self._adapter.adapter_version

    def set_model_version(self, model_version):
        self._adapter.model_version = model_version

    def get_model_version(self):
        return self._adapter.model_version

    def set_parameters(self, params):
        """OrtValues by the names of the inputs that they are for."""
        self._adapter.parameters = {name: value._ortvalue for name, value in params.items()}

    def get_parameters(self):
        """OrtValues by name; those of a file share its mapping."""
        return {name: OrtValue(value) for name, value in self._adapter.parameters.items()}
