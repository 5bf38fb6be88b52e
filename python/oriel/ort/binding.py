"""IOBinding: inputs and outputs of a session, bound by name ahead of its runs."""

from . import state
from .devices import OrtDevice
from .values import OrtValue


class IOBinding:
    """Inputs and outputs of a session, bound by name ahead of its runs. Unknown names are RuntimeErrors."""

    def __init__(self, session):
        self._session = session._sess
        self._iobinding = state.SessionIOBinding(session._sess)

    def bind_cpu_input(self, name, arr_on_cpu):
        """Binds an array; later changes of its contents are seen by later runs where it is C-contiguous."""
        self._iobinding.bind_input(name, arr_on_cpu)

    def bind_input(self, name, device_type, device_id, element_type, shape, buffer_ptr):
        """Binds a packed row-major array at an address that stays valid until the binding is cleared or replaced.

        element_type: a numpy type or an ONNX number.
        """
        device = OrtDevice.make(device_type, device_id)._get_c_device()
        self._iobinding.bind_input(name, device, element_type, shape, buffer_ptr)

    def bind_ortvalue_input(self, name, ortvalue):
        """Binds an OrtValue, whose contents later runs read as they then are."""
        self._iobinding.bind_ortvalue_input(name, ortvalue._ortvalue)

    def bind_output(self, name, device_type="cpu", device_id=0, element_type=None, shape=None, buffer_ptr=None):
        """Binds an output: to memory at an address, else to memory that each run allocates."""
        device = OrtDevice.make(device_type, device_id)._get_c_device()
        if buffer_ptr is None:
            self._iobinding.bind_output(name, device)
            return
        if element_type is None or shape is None:
            raise ValueError("`element_type` and `shape` are to be provided if pre-allocated memory is provided")
        self._iobinding.bind_output(name, device, element_type, shape, buffer_ptr)

    def bind_ortvalue_output(self, name, ortvalue):
        """Binds an OrtValue that runs write into where its type and size are those of the output."""
        self._iobinding.bind_ortvalue_output(name, ortvalue._ortvalue)

    def synchronize_inputs(self):
        """Memory of the CPU needs no waiting."""
        self._iobinding.synchronize_inputs()

    def synchronize_outputs(self):
        """Memory of the CPU needs no waiting."""
        self._iobinding.synchronize_outputs()

    def get_outputs(self):
        """What the last run made, in the order of binding."""
        return [OrtValue(v) for v in self._iobinding.get_outputs()]

    def get_outputs_as_ortvaluevector(self):
        """The same as an OrtValueVector."""
        return self._iobinding.get_outputs()

    def copy_outputs_to_cpu(self):
        """Copies of what the last run made, as arrays."""
        return self._iobinding.copy_outputs_to_cpu()

    def clear_binding_inputs(self):
        self._iobinding.clear_binding_inputs()

    def clear_binding_outputs(self):
        self._iobinding.clear_binding_outputs()
