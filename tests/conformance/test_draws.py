"""The cases of Bernoulli, whose expected values are one generator's draws: here their models draw often enough to be judged
by type, shape, range and mean."""

import os

import cases as case_library
import engines
import numpy as np
import onnx
import pytest
from expectations import expected_failures

DRAWS = 100_000
NAMES = sorted(name for name, reason in expected_failures().items() if "generator's draws" in reason)


def with_length(model, count):
    """The model for vectors of `count` elements: what its shapes say else is dropped."""
    model = onnx.ModelProto.FromString(model)
    del model.graph.value_info[:]
    for value in [*model.graph.input, *model.graph.output]:
        (extent,) = value.type.tensor_type.shape.dim
        extent.dim_value = count
    return model.SerializeToString()


@pytest.mark.skipif(os.environ.get("ORIEL_TEST_ENGINE", "oriel") != "oriel", reason="about Oriel's own generator")
@pytest.mark.parametrize("name", NAMES)
def test_draws(name):
    (case,) = [c for c in case_library.load_cases(("node",)) if c.name == name]
    model, [(_, (expected,))] = case.load()
    (graph_input,) = onnx.ModelProto.FromString(model).graph.input
    dtype = onnx.helper.tensor_dtype_to_np_dtype(graph_input.type.tensor_type.elem_type)
    provider = os.environ.get("ORIEL_TEST_PROVIDER", "CPUExecutionProvider")
    run = engines.open_session("oriel", provider, with_length(model, DRAWS))
    for given in (0.0, 0.125, 0.5, 1.0):
        (drawn,) = run([np.full(DRAWS, given, dtype)])
        # The standard's expansion says Greater(draw, input), which is true with the probability of the opposite.
        probability = 1 - given if name.endswith("_expanded") else given
        assert drawn.dtype == expected.dtype and drawn.shape == (DRAWS,)
        assert np.isin(drawn, (0, 1)).all()
        deviation = np.sqrt(probability * (1 - probability) / DRAWS)
        assert abs(drawn.mean(dtype=np.float64) - probability) <= 5 * deviation


def test_all_such_cases_are_here():
    assert len(NAMES) == 6
