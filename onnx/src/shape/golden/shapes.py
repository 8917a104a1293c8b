"""Writes the outputs into shapes.txt, from what onnx (the reference, 1.23) infers: `python3 shapes.py shapes.txt`.

An input is a type and lengths (f float32, u uint8, b bool, i2 int64; `.` for none), a constant (i list of int64, is one
int64, s list of float32), or `-` if it is left out. Attributes are name=ints, name~floats or name:text; an int or float
without a comma is no list, unless the schema says so. An output is a type's number and lengths.
"""

import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

TYPES = {"f": TensorProto.FLOAT, "u": TensorProto.UINT8, "b": TensorProto.BOOL, "i2": TensorProto.INT64}
CONSTANTS = {"i": numpy.int64, "is": numpy.int64, "s": numpy.float32}


def attribute(text, schema):
    for mark, convert in (("=", int), ("~", float), (":", str)):
        name, found, value = text.partition(mark)
        if found and name.isidentifier():
            break
    if convert is str:
        return name, value
    values = [convert(part) for part in value.split(",")]
    wants_list = schema.attributes[name].type in (onnx.defs.OpSchema.AttrType.INTS, onnx.defs.OpSchema.AttrType.FLOATS)
    return name, values if wants_list else values[0]


def case(line):
    left = line.split(" -> ")[0]
    head, *fields = [field.strip() for field in left.split(" ; ")]
    operator, version = head.split()
    schema = onnx.defs.get_schema(operator, int(version))
    inputs, constants, names, attributes, outputs = [], [], [], {}, 1
    for position, field in enumerate(fields):
        kind, *rest = field.split()
        name = f"i{position}"
        if field.startswith("outputs="):
            outputs = int(field.removeprefix("outputs="))
        elif kind in TYPES:
            lengths = [] if rest == ["."] else [int(length) for length in rest[0].split(",")]
            inputs.append(helper.make_tensor_value_info(name, TYPES[kind], lengths))
            names.append(name)
        elif kind in CONSTANTS:
            array = numpy.array([float(number) if kind == "s" else int(number) for number in rest[0].split(",")], CONSTANTS[kind])
            constants.append(numpy_helper.from_array(array.reshape(()) if kind == "is" else array, name))
            names.append(name)
        elif kind == "-":
            names.append("")
        else:
            attributes |= dict(attribute(text, schema) for text in field.split())
    results = [f"o{position}" for position in range(outputs)]
    node = helper.make_node(operator, names, results, **attributes)
    values = [helper.make_empty_tensor_value_info(name) for name in results]
    graph = helper.make_graph([node], "case", inputs, values, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", int(version))])
    inferred = {value.name: value.type.tensor_type for value in shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph.output}
    return f"{left} -> " + " ; ".join(shown(inferred[name]) for name in results)


def shown(tensor):
    lengths = [str(dim.dim_value) if dim.HasField("dim_value") else "?" for dim in tensor.shape.dim]
    return f"{tensor.elem_type} {','.join(lengths) or '.'}"


path = sys.argv[1]
lines = open(path).read().splitlines()
lines = [line if line.startswith("#") else case(line.rstrip()) for line in lines]
open(path, "w").write("\n".join(lines) + "\n")
