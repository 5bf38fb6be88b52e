"""LSTM, GRU and RNN."""

import numpy as np

# Activations with how many of activation_alpha and activation_beta each consumes.
ACTIVATIONS = {
    "Sigmoid": (0, 0), "Tanh": (0, 0), "Relu": (0, 0), "Softsign": (0, 0), "Softplus": (0, 0), "Elu": (1, 0), "LeakyRelu": (1, 0), "ThresholdedRelu": (1, 0),
    "HardSigmoid": (1, 1), "Affine": (1, 1), "ScaledTanh": (1, 1),
}  # fmt: skip
BOUNDED = {"Sigmoid", "Tanh", "Softsign", "HardSigmoid", "ScaledTanh"}


def recurrent(s):
    op = s.draw.pick(["LSTM", "LSTM", "GRU", "GRU", "RNN"])
    s.choose_version(op)
    draw = s.draw
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    direction = draw.pick(["forward", "reverse", "bidirectional"])
    d = 2 if direction == "bidirectional" else 1
    time, batch, size, hidden = draw.integer(1, 7), draw.integer(1, 5), draw.integer(1, 17), draw.pick([1, 2, 3, 5, 8, 16, 17, 33])
    layout = draw.maybe(1, 0.2) if s.opset >= 14 else None
    draw_array = lambda *shape: draw.array("float32", shape, -1, 1)  # noqa: E731
    weights = lambda *shape: draw.array("float32", shape, -1, 1) / np.float32(shape[-1])  # noqa: E731
    shape = (batch, time, size) if layout else (time, batch, size)
    states = (batch, d, hidden) if layout else (d, batch, hidden)
    operands = {
        "X": s.operand(draw_array(*shape), False), "W": weights(d, gates * hidden, size), "R": weights(d, gates * hidden, hidden),
        "B": draw.maybe(draw_array(d, 2 * gates * hidden)),
        "sequence_lens": draw.maybe(draw.array("int32", (batch,), 1 if draw.chance(0.8) else 0, time), 0.3),
        "initial_h": draw.maybe(draw_array(*states)),
    }  # fmt: skip
    attributes = {"hidden_size": hidden, "direction": direction if direction != "forward" or draw.chance(0.5) else None, "layout": layout, "clip": draw.maybe(draw.uniform(0.3, 2), 0.2)}
    if op == "LSTM":
        operands["initial_c"] = draw.maybe(draw_array(*states))
        operands["P"] = draw.maybe(draw_array(d, 3 * hidden), 0.3)
        attributes["input_forget"] = draw.maybe(1, 0.1)
    if op == "GRU":
        attributes["linear_before_reset"] = draw.maybe(draw.integer(0, 1))
    if draw.chance(0.2):
        count = {"LSTM": 3, "GRU": 2, "RNN": 1}[op] * d
        plain = draw.chance(0.6)
        chosen = [draw.pick(list(ACTIVATIONS)[: 5 if plain else None]) for _ in range(count)]
        attributes["activations"] = chosen
        # A gate without bounds that sees the cell it drives grows with it, beyond what f32 holds within a few steps.
        if op == "LSTM" and set(chosen[::3]) - BOUNDED:
            operands["P"] = None
        if not plain:
            attributes["activation_alpha"] = [draw.uniform(0.2, 1) for a in chosen if ACTIVATIONS[a][0]] or None
            attributes["activation_beta"] = [draw.uniform(0.2, 1) for a in chosen if ACTIVATIONS[a][1]] or None
    outputs = [True, draw.chance(0.7), op == "LSTM" and draw.chance(0.7)]
    while not outputs[-1]:
        outputs.pop()
    s.tolerance, s.constant_share = 2e-5, 0.5
    s.output(s.call(op, operands, attributes, outputs))


FAMILY = {recurrent: 1}
