"""InferenceSession: a model that is ready to run."""

import collections.abc
import os

from . import state
from .binding import IOBinding
from .devices import OrtDevice
from .state.logger import warn
from .values import OrtValue

_CPU = ["CPUExecutionProvider"]


def check_and_normalize_provider_args(providers, provider_options, available_provider_names):
    """Providers as (names, options of strings), from names or pairs of name and options. Throws ValueError.

    Names that are not available stay in the list, with a warning; of names given twice the first counts, with a
    warning.
    """
    if providers is None:
        return [], []
    if not isinstance(providers, collections.abc.Sequence):
        raise ValueError("'providers' should be a sequence.")
    if provider_options is not None:
        if not isinstance(provider_options, collections.abc.Sequence):
            raise ValueError("'provider_options' should be a sequence.")
        if len(providers) != len(provider_options):
            raise ValueError("'providers' and 'provider_options' should be the same length if both are given.")
        if not all(isinstance(p, str) for p in providers):
            raise ValueError("Only string values for 'providers' are supported if 'provider_options' is given.")
        if not all(isinstance(o, dict) for o in provider_options):
            raise ValueError("'provider_options' values must be dicts.")
        pairs = zip(providers, provider_options)
    else:
        pairs = []
        for p in providers:
            if isinstance(p, str):
                pairs.append((p, {}))
            elif isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str) and isinstance(p[1], dict):
                pairs.append(p)
            else:
                raise ValueError("'providers' values must be either strings or (string, dict) tuples.")
    chosen = {}
    for name, options in pairs:
        if name not in available_provider_names:
            available = ", ".join(available_provider_names)
            warn(
                f"Specified provider '{name}' is not in available provider names.Available providers: '{available}'", 5
            )
        if name in chosen:
            warn(f"Duplicate provider '{name}' encountered, ignoring.", 5)
            continue
        chosen[name] = {str(k): str(v) for k, v in options.items()}
    return list(chosen), list(chosen.values())


class Session:
    """What sessions can do. Any number of threads may run one session at once."""

    def __init__(self, enable_fallback=True):
        self._sess = None
        self._enable_fallback = enable_fallback
        self._fallback_providers = list(_CPU)

    @property
    def _session(self):
        """The engine's own session: dumps and steps."""
        return self._sess.engine

    def set_providers(self, providers=None, provider_options=None):
        """Makes the session anew with other providers; where that fails, the session stays as it was."""
        self._create(providers, provider_options)

    def enable_fallback(self):
        """Lets runs that fail in a provider fall back to the CPU provider, once."""
        self._enable_fallback = True

    def disable_fallback(self):
        """Makes errors of providers errors of the session."""
        self._enable_fallback = False

    def get_session_options(self):
        """The options that the session was made with: a copy, with what the model's configuration changed."""
        return self._sess_options

    def get_inputs(self):
        """The inputs that a run has to be given, as NodeArgs in the model's order."""
        return self._inputs_meta

    def get_outputs(self):
        """The outputs as NodeArgs, in the order in which run(None, ...) returns them."""
        return self._outputs_meta

    def get_overridable_initializers(self):
        """Initializers that a run may be given as inputs, as NodeArgs; left out, they keep the model's values."""
        return self._overridable_initializers

    def get_modelmeta(self):
        """A ModelMetadata."""
        return self._model_meta

    def get_input_memory_infos(self):
        """One OrtMemoryInfo an input: where it is read without a copy."""
        return self._sess.input_meminfos

    def get_output_memory_infos(self):
        """One OrtMemoryInfo an output: where it is made."""
        return self._sess.output_meminfos

    def get_input_epdevices(self):
        """One OrtEpDevice an input: that of the first provider."""
        return self._sess.input_epdevices

    def get_providers(self):
        """Names of the session's providers in order of priority; the CPU provider comes last where it was not asked
        for."""
        return list(self._provider_options)

    def get_provider_options(self):
        """A dict of options (texts) by provider, in order of priority."""
        return self._provider_options

    def get_provider_graph_assignment_info(self):
        """Which provider runs which of the model's own nodes, as OrtEpAssignedSubgraphs. Fail unless the session was
        made with the configuration entry session.record_ep_graph_assignment_info set to "1"."""
        return self._sess.get_provider_graph_assignment_info()

    def _checked(self, output_names, input_feed):
        """The feeds, complete; the names wanted."""
        names = input_feed.keys()
        if not self._required <= names:
            missing = [i.name for i in self._inputs_meta if i.name in self._required and i.name not in names]
            raise ValueError(f"Required inputs ({missing}) are missing from input feed ({list(names)}).")
        if isinstance(output_names, str):
            raise TypeError("output_names is a list of names, not a name")
        return {name: getattr(value, "_ortvalue", value) for name, value in input_feed.items()}

    def _after_fallback(self, error, call):
        """The call once more with the CPU provider; the error itself where falling back is off."""
        if not self._enable_fallback:
            raise error
        warn(f"EP Error: {error} using {self.get_providers()}; falling back to {self._fallback_providers}", 4)
        self.set_providers(self._fallback_providers)
        self.disable_fallback()
        return call()

    def run(self, output_names, input_feed, run_options=None):
        """Runs the model and returns a list of outputs.

        output_names: names in the order wanted; None (or an empty list) for all in the model's order. input_feed:
        values by name: numpy arrays of the input's element type and rank (read in place where C-contiguous), OrtValues,
        lists for sequences, dicts for maps. run_options: a RunOptions or None.

        Outputs are arrays (lists and dicts for sequences and maps) whose memory is the caller's. Raises ValueError
        where a required input is missing; RuntimeError for what is no value; InvalidArgument for unknown names, for a
        type, rank or dimension that the model does not admit, saying what was expected, and for values that an operator
        cannot take; Fail where memory runs out or the run was told to terminate.
        """
        feeds = self._checked(output_names, input_feed)
        try:
            return self._sess.engine.run(output_names, feeds, run_options)
        except state.EPFail as error:
            return self._after_fallback(error, lambda: self._sess.engine.run(output_names, feeds, run_options))

    def run_async(self, output_names, input_feed, callback, user_data, run_options=None):
        """Runs in the background, then calls callback(results, user_data, error text) on a thread of the engine.

        The text is empty where the run succeeded. Missing inputs and wrong Python types raise before this returns;
        other errors come as the text.
        """
        self._sess.run_async(output_names, self._checked(output_names, input_feed), callback, user_data, run_options)

    def run_with_ort_values(self, output_names, input_dict_ort_values, run_options=None):
        """As run(), with OrtValues in and out: input_dict_ort_values by name, a list of OrtValues back."""
        self._checked(output_names, input_dict_ort_values)
        feeds = {name: value._get_c_value() for name, value in input_dict_ort_values.items()}
        try:
            values = self._sess.run_with_ort_values(feeds, output_names, run_options)
        except state.EPFail as error:
            values = self._after_fallback(
                error, lambda: self._sess.run_with_ort_values(feeds, output_names, run_options)
            )
        return [OrtValue(v) for v in values]

    def run_with_ortvaluevector(self, run_options, feed_names, feeds, fetch_names, fetches, fetch_devices):
        """As run_with_ort_values(), from one OrtValueVector into another; values that `fetches` holds are written in
        place."""
        self._sess.run_with_ortvaluevector(run_options, feed_names, feeds, fetch_names, fetches, fetch_devices)

    def io_binding(self):
        """A binding of inputs and outputs to this session."""
        return IOBinding(self)

    def run_with_iobinding(self, iobinding, run_options=None):
        """Runs with what is bound; bound outputs are written in place. Errors are RuntimeErrors here, ValueError for
        the binding of another session."""
        if iobinding._session is not self._sess:
            raise ValueError("IOBinding must be used with the session that created it.")
        self._sess.run_with_iobinding(iobinding._iobinding, run_options)

    def create_ortvalue_from_shape_and_type(self, shape, element_type, device_type, device_id=0, vendor_id=-1):
        """OrtValue.ortvalue_from_shape_and_type() for this session."""
        device = OrtDevice.make(device_type, device_id, vendor_id)._get_c_device()
        return OrtValue(self._sess.create_ortvalue_from_shape_and_type(shape, element_type, device), session=self._sess)

    def end_profiling(self):
        """Ends profiling and returns the name of the file that it wrote; "" without profiling."""
        return self._sess.end_profiling()

    def get_profiling_start_time_ns(self):
        """When profiling began, in nanoseconds of the monotonic clock; 0 without profiling."""
        return self._sess.get_profiling_start_time_ns

    def get_tuning_results(self):
        """Nothing is tuned at run time: an empty list."""
        return self._sess.get_tuning_results()

    def set_tuning_results(self, results, *, error_on_invalid=False):
        """No provider of this build takes tuning results: RuntimeError for any where `error_on_invalid`, else they are
        passed over."""
        self._sess.set_tuning_results(results, error_on_invalid)

    def set_ep_dynamic_options(self, options):
        """Options that change after creation: no provider of this build has any. RuntimeError for none at all."""
        self._sess.set_ep_dynamic_options(options)

    def release_captured_graph(self, graph_annotation_id=0):
        """Runs are not captured: nothing to release."""
        self._sess.release_captured_graph(graph_annotation_id)


class InferenceSession(Session):
    """A model that is ready to run.

    path_or_bytes: a path, or a serialised ModelProto. sess_options: SessionOptions. providers: names (or pairs of name
    and options) in order of priority; without them those of the options, else the CPU provider. A provider that cannot
    be had leads to the CPU provider with a warning, unless `enable_fallback=0` is given. `read_config_from_model=1` (or
    the environment's ORT_LOAD_CONFIG_FROM_MODEL=1) takes session options from the model's metadata `ort_config`.

    Raises TypeError for other kinds of arguments; NoSuchFile; InvalidProtobuf (not an ONNX model); InvalidGraph and
    InvalidArgument (the model contradicts itself, or calls an operator that ONNX does not have); NotImplemented (a form
    that this engine does not take); EPFail (a provider refuses an option); Fail (no memory, or an operator of a domain
    that nobody registered); messages name the operator and the node. Any number of threads may run one session at once.
    """

    def __init__(self, path_or_bytes, sess_options=None, providers=None, provider_options=None, **kwargs):
        super().__init__(enable_fallback=int(kwargs.get("enable_fallback", 1)) == 1)
        if isinstance(path_or_bytes, (str, os.PathLike)):
            self._model_path, self._model_bytes = os.fspath(path_or_bytes), None
        elif isinstance(path_or_bytes, (bytes, bytearray, memoryview)):
            self._model_path, self._model_bytes = None, bytes(path_or_bytes)
        else:
            raise TypeError(f"Unable to load from type '{type(path_or_bytes)}'")
        self._sess_options_initial = sess_options
        wanted = kwargs.get("read_config_from_model", os.environ.get("ORT_LOAD_CONFIG_FROM_MODEL") == "1")
        self._read_config_from_model = str(wanted) in ("1", "True")
        disabled = set(kwargs.get("disabled_optimizers") or ())
        try:
            self._create(providers, provider_options, disabled)
        except (ValueError, RuntimeError) as error:
            if not self._enable_fallback:
                raise
            warn(f"EP Error {error} when using {providers}; falling back to {self._fallback_providers}")
            self._create(self._fallback_providers, None)
            self.disable_fallback()

    def _create(self, providers, provider_options, disabled_optimizers=frozenset()):
        options = (
            self._sess_options_initial
            if self._sess_options_initial is not None
            else state.get_default_session_options()
        )
        names, settings = check_and_normalize_provider_args(
            providers, provider_options, state.get_available_providers()
        )
        if names and isinstance(options, state.SessionOptions) and options.has_providers():
            warn(
                "Specified 'providers'/'provider_options' when creating InferenceSession but SessionOptions has "
                "already been configured with providers. InferenceSession will only use the providers passed to "
                "InferenceSession().",
                4,
            )
        is_path = self._model_path is not None
        model = self._model_path if is_path else self._model_bytes
        session = state.InferenceSession(options, model, is_path, self._read_config_from_model)
        session.initialize_session(names, settings, disabled_optimizers)
        self._sess = session
        self._sess_options = session.session_options
        self._inputs_meta = session.inputs_meta
        self._outputs_meta = session.outputs_meta
        self._overridable_initializers = session.overridable_initializers
        self._model_meta = session.model_meta
        self._provider_options = session.get_provider_options()
        self._required = frozenset(i.name for i in self._inputs_meta if not i.type.startswith("optional"))
