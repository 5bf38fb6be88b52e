"""If, Loop and Scan, optionals, and model-local functions."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
BODY_OPS = ["Relu", "Neg", "Tanh", "Abs", "Sigmoid", "Identity", "Exp"]


def _info(name, shape=None, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def branch(s, name, captured, sink):
    """A graph of a few nodes over captured values of one shape."""
    draw = s.draw
    nodes, values = [], list(captured)
    for i in range(draw.integer(1, 4)):
        out = f"{name}_{i}"
        if draw.chance(0.5):
            nodes.append(helper.make_node(draw.pick(BODY_OPS[:5]), [draw.pick(values)], [out]))
        else:
            nodes.append(helper.make_node(draw.pick(["Add", "Sub", "Mul"]), [draw.pick(values), draw.pick(values)], [out]))
        values.append(out)
    nodes.append(helper.make_node("Identity", [values[-1]], [sink]))
    return helper.make_graph(nodes, name, [], [_info(sink)])


def if_(s):
    s.choose_version("If")
    draw = s.draw
    shape = draw.shape(0, 4)
    a, b = s.operand(draw.array("float32", shape, -1, 1)), s.operand(draw.array("float32", shape, -1, 1))
    inner = s.node("Add", [a, b])[0] if draw.chance(0.5) else a
    condition = np.array(draw.chance(0.5))
    s.tolerance = 1e-5
    out = s.node("If", [condition], {"then_branch": branch(s, "then", [inner, b], "t_out"), "else_branch": branch(s, "else", [a, b], "e_out")})
    s.output(s.node("Neg", out) if draw.chance(0.4) else out)


def loop(s):
    s.opset = s.draw.integer(9, 26)
    draw = s.draw
    shape = draw.shape(0, 3, zero=0.05, limit=200)
    state = s.operand(draw.array("float32", shape, -1, 1))
    outer = s.operand(draw.array("float32", shape, -1, 1))
    trips = draw.maybe(np.array(draw.integer(0, 5), np.int64), 0.85)
    stop = draw.integer(0, 6)
    counted = trips is None or draw.chance(0.3)
    nodes = [
        helper.make_node(draw.pick(["Add", "Mul", "Sub"]), ["state", outer], ["sum"]),
        helper.make_node(draw.pick(["Tanh", "Sigmoid", "Relu"]), ["sum"], ["next"]),
    ]
    constants = []
    if counted:
        constants = [numpy_helper.from_array(np.array(stop, np.int64), "stop")]
        nodes.append(helper.make_node("Less", ["i", "stop"], ["go"]))
    else:
        nodes.append(helper.make_node("Identity", ["cond"], ["go"]))
    outputs = [_info("go", (), TensorProto.BOOL), _info("next")]
    if scanned := draw.chance(0.6):
        nodes.append(helper.make_node("Neg", ["next"], ["scan"]))
        outputs.append(_info("scan"))
    body = helper.make_graph(nodes, "body", [_info("i", (), TensorProto.INT64), _info("cond", (), TensorProto.BOOL), _info("state", shape)], outputs, constants)
    condition = draw.maybe(np.array(draw.chance(0.9)), 0.7)
    if not counted and condition is None:
        condition = np.array(True)
    s.tolerance = 1e-5
    s.output(s.node("Loop", [trips, condition, state], {"body": body}, outputs=2 if scanned else 1))


def scan(s):
    s.opset = s.draw.integer(9, 26)
    draw = s.draw
    shape = draw.shape(1, 3, zero=0, limit=100)
    count = draw.integer(1, 5)
    axis = draw.integer(0, len(shape)) if draw.chance(0.4) else 0
    full = list(shape)
    full.insert(axis, count)
    nodes = [helper.make_node("Add", ["state", "item"], ["next"]), helper.make_node(draw.pick(["Relu", "Tanh", "Neg"]), ["next"], ["out"])]
    body = helper.make_graph(nodes, "body", [_info("state", shape), _info("item", shape)], [_info("next", shape), _info("out", shape)])
    attributes = {"body": body, "num_scan_inputs": 1, "scan_input_axes": [axis] if axis or draw.chance(0.3) else None,
                  "scan_input_directions": draw.maybe([draw.integer(0, 1)]), "scan_output_directions": draw.maybe([draw.integer(0, 1)]),
                  "scan_output_axes": draw.maybe([draw.integer(0, len(shape))], 0.3)}  # fmt: skip
    s.tolerance = 1e-5
    s.output(s.node("Scan", [draw.array("float32", shape), draw.array("float32", full)], attributes, outputs=2))


def optional(s):
    s.opset = s.draw.integer(18, 26)
    draw = s.draw
    x = s.operand(draw.array("float32", draw.shape()))
    held = s.node("Optional", [x])[0]
    s.output(s.node("OptionalHasElement", [held]))
    s.output(s.node("OptionalGetElement", [held]))


def function(s):
    """A model-local function with an attribute, called twice."""
    s.opset = s.draw.integer(13, 26)
    draw = s.draw
    imports = [helper.make_opsetid("", s.opset)]
    leaky = helper.make_node("LeakyRelu", ["sum"], ["out"])
    leaky.attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT))
    shape, other = draw.broadcast(2)
    s.functions.append(helper.make_function("local", "AddLeaky", ["a", "b"], ["out"], [helper.make_node("Add", ["a", "b"], ["sum"]), leaky], imports, ["slope"]))
    s.label = "function"
    first = s.node("AddLeaky", [draw.array("float32", shape), draw.array("float32", other)], {"slope": draw.uniform(-1, 1)}, domain="local")[0]
    s.output(s.node("AddLeaky", [first, draw.array("float32", draw.split_shape(shape))], {"slope": draw.uniform(-1, 1)}, domain="local"))


FAMILY = {if_: 2, loop: 2, scan: 1.5, optional: 0.4, function: 1}
