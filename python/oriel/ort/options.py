"""Options of sessions and runs."""

import enum


class GraphOptimizationLevel(enum.IntEnum):
    """How far the graph is optimised; devices fuse and pack at every level with the OpenVINO provider."""

    ORT_DISABLE_ALL = 0
    ORT_ENABLE_BASIC = 1
    ORT_ENABLE_EXTENDED = 2
    ORT_ENABLE_LAYOUT = 3
    ORT_ENABLE_ALL = 99


class ExecutionMode(enum.IntEnum):
    ORT_SEQUENTIAL = 0
    ORT_PARALLEL = 1


class ExecutionOrder(enum.IntEnum):
    DEFAULT = 0
    PRIORITY_BASED = 1
    MEMORY_EFFICIENT = 2


class SessionOptions:
    """How a session is made. Attributes as in onnxruntime."""

    def __init__(self):
        self.enable_cpu_mem_arena = True
        self.enable_mem_pattern = True
        self.enable_mem_reuse = True
        self.enable_profiling = False
        self.execution_mode = ExecutionMode.ORT_SEQUENTIAL
        self.execution_order = ExecutionOrder.DEFAULT
        self.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_ALL
        self.inter_op_num_threads = 0
        self.intra_op_num_threads = 0
        self.log_severity_level = -1
        self.log_verbosity_level = 0
        self.logid = ""
        self.optimized_model_filepath = ""
        self.profile_file_prefix = "onnxruntime_profile_"
        self.use_deterministic_compute = False
        self._config = {}
        self._dims_by_name = []
        self._dims_by_denotation = []

    def add_session_config_entry(self, key, value):
        """Sets a configuration entry: both strings."""
        self._config[str(key)] = str(value)

    def get_session_config_entry(self, key):
        """The value of a configuration entry; RuntimeError where it was not set."""
        if key not in self._config:
            raise RuntimeError(f"SessionOptions does not have configuration with key: {key}")
        return self._config[key]

    def add_free_dimension_override_by_name(self, name, value):
        """Fixes the symbolic dimension of that name."""
        self._dims_by_name.append((name, int(value)))

    def add_free_dimension_override_by_denotation(self, denotation, value):
        """Fixes every dimension of that denotation."""
        self._dims_by_denotation.append((denotation, int(value)))


class RunOptions:
    """How one run goes. Attributes as in onnxruntime."""

    def __init__(self):
        self.log_severity_level = 2
        self.log_verbosity_level = 0
        self.logid = ""
        self.only_execute_path_to_fetches = False
        self.terminate = False
        self.training_mode = True
        self._config = {}

    def add_run_config_entry(self, key, value):
        self._config[str(key)] = str(value)

    def get_run_config_entry(self, key):
        if key not in self._config:
            raise RuntimeError(f"RunOptions does not have configuration with key: {key}")
        return self._config[key]
