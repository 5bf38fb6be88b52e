"""A model that the backend interface has prepared."""

from onnx.backend.base import BackendRep

from oriel.ort import RunOptions

_RUN_OPTIONS = ("log_severity_level", "log_verbosity_level", "logid", "only_execute_path_to_fetches")


def apply_options(options, values, allowed):
    """Sets attributes that `allowed` names; RuntimeError for others that the options have; the rest is for somebody
    else."""
    for name, value in values.items():
        if name in allowed:
            setattr(options, name, value)
        elif hasattr(options, name):
            kind = type(options).__name__
            raise RuntimeError(
                f"{kind} attribute '{name}' is not permitted via the backend API. "
                f"Allowed attributes: {', '.join(sorted(allowed))}"
            )
    return options


class OnnxRuntimeBackendRep(BackendRep):
    """A session behind the backend interface."""

    def __init__(self, session):
        self._session = session

    def run(self, inputs, **kwargs):
        """Outputs for a list of arrays, or for one array where the model has one input. kwargs: run options."""
        options = apply_options(RunOptions(), kwargs, _RUN_OPTIONS)
        wanted = self._session.get_inputs()
        if not isinstance(inputs, list):
            if len(wanted) != 1:
                raise RuntimeError(f"Model expect {len(wanted)} inputs")
            inputs = [inputs]
        return self._session.run(None, {i.name: value for i, value in zip(wanted, inputs)}, options)
