"""A case in the making: nodes, operands and constants of one model, and the values that it is fed."""

from dataclasses import dataclass, field

import numpy as np
import onnx
from draw import ELEMENT_TYPES, np_type, onnx_type
from onnx import defs, helper, numpy_helper

NEWEST = {"": 26, "ai.onnx.ml": 5, "com.microsoft": 1}
OLDEST = {"": 7, "ai.onnx.ml": 1, "com.microsoft": 1}


class NotDefined(Exception):
    """The operator does not exist at the chosen version, or not for such operands."""


class Name(str):
    """The name of a value of the graph, beside arrays that become operands of their own."""


@dataclass
class Case:
    """A model with its inputs.

    `again` are inputs of other extents for the same symbols, which may or may not fit the operators; None without symbols.
    `tolerance` is relative to the largest magnitude of an output, `absolute` what sums that cancel may be off by, `steps`
    what integers may differ by.
    """

    label: str
    model: onnx.ModelProto
    feeds: dict
    tolerance: float = 0.0
    steps: int = 0
    absolute: float = 0.0
    again: dict = None
    ops: list = field(default_factory=list)


class Sketch:
    """Builds one case; `opset` is the version of the standard's domain."""

    def __init__(self, draw, opset=None):
        self.draw = draw
        self.opset = opset or draw.integer(OLDEST[""], NEWEST[""])
        self.ml = draw.integer(OLDEST["ai.onnx.ml"], NEWEST["ai.onnx.ml"])
        self.nodes, self.inputs, self.initializers, self.results, self.functions = [], [], [], [], []
        self.feeds = {}
        self.tolerance, self.absolute, self.steps, self.label = 0.0, 0.0, 0, ""
        self.constant_share = 0.25
        self.symbolic = draw.chance(0.35)
        self.domains = {""}
        self._count = 0

    def version(self, domain=""):
        return {"": self.opset, "ai.onnx.ml": self.ml}.get(domain, 1)

    def choose_version(self, op, domain="", newest=None):
        """Chooses the domain's version such that the operator exists; the newest more often than not."""
        since = sorted(s.since_version for s in defs.get_all_schemas_with_history() if s.name == op and s.domain == domain)
        low = max(OLDEST[domain], since[0])
        high = min(NEWEST[domain], newest or NEWEST[domain])
        if low > high:
            raise NotDefined(op)
        chosen = high if self.draw.chance(0.3) else self.draw.integer(low, high)
        if domain:
            self.ml = chosen
        else:
            self.opset = chosen

    def schema(self, op, domain=""):
        try:
            schema = defs.get_schema(op, self.version(domain), domain)
        except Exception:
            raise NotDefined(op) from None
        if schema.deprecated:
            raise NotDefined(op)
        return schema

    def types(self, op, operand=0, domain=""):
        """Names of the numpy types that an operand may have."""
        schema = self.schema(op, domain)
        text = schema.inputs[operand].type_str
        allowed = next((c.allowed_type_strs for c in schema.type_constraints if c.type_param_str == text), [text])
        names = [t[len("tensor(") : -1] for t in allowed if t.startswith("tensor(")]
        return [np_type(n).name if n != "string" else "object" for n in names if n in ELEMENT_TYPES]

    def fresh(self, stem="v"):
        self._count += 1
        return Name(f"{stem}{self._count}")

    def operand(self, array, constant=None, fixed=False):
        """Makes an array an input, an initializer or a Constant; the choice is the draw's unless given.

        Dimensions of an input become symbols by chance unless `fixed`.
        """
        array = np.asarray(array)
        if constant is None:
            constant = self.draw.chance(self.constant_share)
        if array.dtype.name in ("int4", "uint4"):
            constant = True
        if constant:
            name = self.fresh("c")
            tensor = numpy_helper.from_array(array, name)
            if self.draw.chance(0.3):
                self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
            else:
                self.initializers.append(tensor)
            return name
        name = self.fresh("x")
        dims = list(array.shape)
        if self.symbolic and not fixed:
            dims = [d if self.draw.chance(0.3) else f"d{d}" if self.draw.chance(0.5) else f"{name}_{i}" for i, d in enumerate(dims)]
        self.inputs.append(helper.make_tensor_value_info(name, onnx_type(array.dtype), dims))
        self.feeds[name] = array
        return name

    def node(self, op, operands, attributes=None, outputs=1, domain=""):
        """Adds a node as it is. Operands are names, arrays or None; returns the names of its outputs."""
        names = [o if isinstance(o, Name) else "" if o is None else self.operand(o) for o in operands]
        while names and not names[-1]:
            names.pop()
        results = [self.fresh() for _ in range(outputs)] if isinstance(outputs, int) else [self.fresh() if o else Name("") for o in outputs]
        given = {k: v for k, v in (attributes or {}).items() if v is not None}
        node = helper.make_node(op, names, results, domain=domain, name=f"n{len(self.nodes)}")
        for key, value in sorted(given.items()):
            empty = isinstance(value, (list, tuple)) and not len(value)
            node.attribute.append(helper.make_attribute(key, value, attr_type=onnx.AttributeProto.INTS if empty else None))
        self.nodes.append(node)
        self.domains.add(domain)
        return results

    def call(self, op, operands, attributes=None, outputs=1, domain=""):
        """Adds a node as the operator's version wants it.

        `operands` maps names to values in the order of the newest version; one that is an attribute in the chosen version
        becomes one, and what the version does not have is left out.
        """
        schema = self.schema(op, domain)
        given = {k: v for k, v in (attributes or {}).items() if k in schema.attributes}
        positional = []
        for key, value in operands.items():
            if key in schema.attributes:
                if value is not None:
                    value = np.asarray(value)
                    given[key] = [v.item() for v in value] if value.ndim else value.item()
                    if schema.attributes[key].type == defs.OpSchema.AttrType.FLOAT:
                        given[key] = float(value.reshape(-1)[0])
                    elif schema.attributes[key].type == defs.OpSchema.AttrType.INT:
                        given[key] = int(value.reshape(-1)[0])
            else:
                positional.append(value)
        if len(positional) > schema.max_input:
            positional = positional[: schema.max_input]
        return self.node(op, positional, given, outputs, domain)

    def output(self, names):
        self.results += [n for n in names if n and n not in self.results]

    def _other_extents(self):
        extents, feeds = {}, {}
        # Lists of integers are axes, shapes and the like: their lengths stay.
        for info in self.inputs:
            if self.feeds[info.name].dtype.kind == "i" and self.feeds[info.name].ndim == 1:
                extents.update((d.dim_param, n) for d, n in zip(info.type.tensor_type.shape.dim, self.feeds[info.name].shape) if d.dim_param)
        for info in self.inputs:
            array = self.feeds[info.name]
            shape = [d.dim_value if not d.dim_param else extents.setdefault(d.dim_param, n + self.draw.pick([-1, 0, 1, 2, 16]))
                     for d, n in zip(info.type.tensor_type.shape.dim, array.shape)]  # fmt: skip
            shape = [max(d, 0) for d in shape]
            if array.size == 0 or np.prod(shape) > 20000:
                return None
            feeds[info.name] = np.resize(array, shape)
        return feeds if extents else None

    def case(self):
        if not self.results:
            raise NotDefined("nothing to give back")
        produced = {n: None for n in self.results}
        graph = helper.make_graph(
            self.nodes, "differential", self.inputs, [onnx.ValueInfoProto(name=n) for n in produced], self.initializers
        )
        imports = [helper.make_opsetid(d, self.version(d)) for d in sorted(self.domains)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=10, functions=self.functions)
        ops = sorted({n.op_type for n in self.nodes if n.op_type != "Constant"})
        return Case(self.label or "+".join(ops), model, self.feeds, self.tolerance, self.steps, self.absolute, self._other_extents(), ops)


