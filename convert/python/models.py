"""Models before and after conversion: read and put into one form, told apart node by node, written as the same bytes."""

import difflib
import os
import platform

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnxruntime.quantization.onnx_model import ONNXModel

# A protobuf message ends at 2 GiB, and what is not weights needs room too.
MESSAGE_LIMIT_BYTES = 1_900_000_000
# Constants below this stay in the ONNX file: shapes and scalars are read before side files are.
SIDE_FILE_TENSOR_BYTES = 1024


class Refused(Exception):
    """An answer that is no bug: `kind` as in src/answer.rs."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def versions():
    packages = {package.__name__: package.__version__ for package in (onnxruntime, onnx, numpy)}
    return {"versions": {**packages, "python": platform.python_version()}}


def read(path):
    """Reads a model with its side files, and puts it into the form that the converters expect."""
    try:
        model = onnx.load(path)
    except MemoryError:
        raise
    except Exception as error:
        raise Refused("unreadable-model", f"`{path}` cannot be read: {error}") from error
    if not model.graph.node:
        raise Refused("unreadable-model", f"`{path}` has no nodes")
    drop_constant_inputs(model)
    constants_to_initializers(model.graph)
    name_nodes(model.graph)
    return model


def drop_constant_inputs(model):
    """Before version 4 of the format every constant was an input too, and could be anything."""
    if model.ir_version >= 4:
        return
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.ir_version = 4


def constants_to_initializers(graph):
    """The converters look for weights among initializers only; some exporters write them as nodes."""
    kept = []
    for node in graph.node:
        value = next((a.t for a in node.attribute if a.name == "value"), None) if node.op_type == "Constant" else None
        if value is None or node.domain not in ("", "ai.onnx") or value.data_type == TensorProto.STRING:
            kept.append(node)
            continue
        tensor = graph.initializer.add()
        tensor.CopyFrom(value)
        tensor.name = node.output[0]
    if len(kept) < len(graph.node):
        kept = [copy_of(node) for node in kept]
        del graph.node[:]
        graph.node.extend(kept)


def copy_of(message):
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def name_nodes(graph):
    """Gives every node a name of its own, `<operator>_<position>` where it has none: exclusion goes by names."""
    taken = {node.name for node in graph.node}
    seen = set()
    for position, node in enumerate(graph.node):
        if not node.name or node.name in seen:
            name = f"{node.op_type}_{position}"
            while name in taken:
                name += "_"
            node.name = name
            taken.add(name)
        seen.add(node.name)


def check_names(model, names):
    known = [node.name for node in model.graph.node]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or known[:3]
            raise Refused("unknown-node", f"the model has no node `{name}`, which is to be excluded; near: {', '.join(near)}")


def follow(before, after, names):
    """Names in `after`, a rewritten `before`, of the nodes that do the work of `names`: one that was fused with those behind
    it goes by the first of them whose output is still there."""
    present = {node.name for node in after.graph.node}
    producers = {output: node.name for node in after.graph.node for output in node.output if output}
    nodes = {node.name: node for node in before.graph.node}
    found = set()
    for name in names:
        frontier, seen = [name], set()
        while frontier:
            current = frontier.pop()
            if current in seen:
                continue
            seen.add(current)
            hits = {producers[output] for output in nodes[current].output if output in producers}
            if current in present or hits:
                found |= hits or {current}
                continue
            frontier += [n.name for n in before.graph.node if set(n.input) & set(nodes[current].output)]
    return sorted(found)


def standard_opset(model):
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)


def raise_opset(model, least):
    """One scale for each channel is in the standard since operator set 13."""
    if not 0 < standard_opset(model) < least:
        return model
    try:
        raised = onnx.version_converter.convert_version(model, least)
    except Exception as error:
        message = f"operator set {standard_opset(model)} cannot be raised to {least}, which this precision needs: {error}"
        raise Refused("unsupported", message) from error
    name_nodes(raised.graph)
    return raised


def weight_bytes(model):
    return sum(len(tensor.raw_data) or tensor.ByteSize() for tensor in model.graph.initializer)


def is_large(model):
    return weight_bytes(model) > MESSAGE_LIMIT_BYTES


def infer_shapes(model, scratch):
    """As onnx.shape_inference.infer_shapes, which ends at 2 GiB."""
    before, after = os.path.join(scratch, "shapes-before.onnx"), os.path.join(scratch, "shapes-after.onnx")
    onnx.save_model(copy_of(model), before, save_as_external_data=True, location="shapes.data")
    onnx.shape_inference.infer_shapes_path(before, after)
    inferred = onnx.load(after)
    for name in (before, after, os.path.join(scratch, "shapes.data")):
        if os.path.exists(name):
            os.remove(name)
    return inferred


def write(model, job):
    """Writes the variant, with a side file for its weights if they are many. The names of its side files."""
    ONNXModel(model).topological_sort()
    if weight_bytes(model) <= min(job["side_file_bytes"], MESSAGE_LIMIT_BYTES):
        onnx.save_model(model, job["out"])
        return []
    # Its name stands in the ONNX file, so that it must not depend on where that happens to be written.
    location = job["side_file_name"]
    options = {"size_threshold": SIDE_FILE_TENSOR_BYTES, "convert_attribute": False}
    onnx.save_model(model, job["out"], save_as_external_data=True, location=location, **options)
    return [location] if os.path.exists(os.path.join(os.path.dirname(job["out"]), location)) else []


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def check_loads(path):
    try:
        session(path)
    except Exception as error:
        raise Refused("not-loadable", f"ONNX Runtime does not load what the converter wrote: {error}") from error


def shapes(values):
    """By name: element type and dimensions, each a length, a symbol or None."""
    return {
        value.name: (
            helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type),
            [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in value.type.tensor_type.shape.dim],
        )
        for value in values
        if value.type.HasField("tensor_type") and value.type.tensor_type.elem_type
    }
