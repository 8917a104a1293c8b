"""Writes the ONNX files, the test rows and the card of this folder, and scores what it wrote with onnxruntime.

Trains nothing, see train.py: it takes weights under their names.
"""
import hashlib
import math

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.transformers.float16 import convert_float_to_float16

OPERATOR_SET, FORMAT_VERSION = 17, 8
FILES = {"fp32": "digits-vit.onnx", "fp16": "digits-vit-fp16.onnx", "int8": "digits-vit-int8.onnx"}
ROWS, CARD = "digits-test.csv", "card.yaml"
# What the fp32 file's outputs may be from those of the trained weights: another order of additions, no more.
AGREEMENT = 1e-4


def layers(weights):
    return sum(name.endswith(".attention_norm.weight") for name in weights)


def parameters(weights):
    return sum(value.size for value in weights.values())


class Graph:
    """Nodes in order, each named like its one output."""

    def __init__(self, weights):
        self.nodes, self.constants = [], dict(weights)

    def node(self, operator, inputs, output, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name, value, kind=numpy.float32):
        self.constants[name] = numpy.array(value, kind)
        return name

    def linear(self, values, name):
        product = self.node("MatMul", [values, f"{name}.weight"], f"{name}.product")
        return self.node("Add", [product, f"{name}.bias"], name)

    def norm(self, values, name, epsilon):
        return self.node(
            "LayerNormalization", [values, f"{name}.weight", f"{name}.bias"], name, axis=-1, epsilon=epsilon
        )

    def gelu(self, values, name):
        """By the error function: operator set 17 has no Gelu yet."""
        scaled = self.node("Mul", [values, "gelu.scale"], f"{name}.scaled")
        error = self.node("Erf", [scaled], f"{name}.erf")
        share = self.node("Add", [error, "gelu.one"], f"{name}.share")
        double = self.node("Mul", [values, share], f"{name}.double")
        return self.node("Mul", [double, "gelu.half"], name)

    def attention(self, values, name):
        """Heads become an axis of their own, and are joined again."""
        heads = {}
        for part in ("query", "key", "value"):
            split = self.node("Reshape", [self.linear(values, f"{name}.{part}"), "attention.split"], f"{name}.{part}.split")
            order = [0, 2, 3, 1] if part == "key" else [0, 2, 1, 3]
            heads[part] = self.node("Transpose", [split], f"{name}.{part}.heads", perm=order)
        product = self.node("MatMul", [heads["query"], heads["key"]], f"{name}.product")
        scores = self.node("Mul", [product, "attention.scale"], f"{name}.scores")
        shares = self.node("Softmax", [scores], f"{name}.shares", axis=-1)
        mixed = self.node("MatMul", [shares, heads["value"]], f"{name}.mixed")
        rows = self.node("Transpose", [mixed], f"{name}.rows", perm=[0, 2, 1, 3])
        return self.linear(self.node("Reshape", [rows, "attention.join"], f"{name}.joined"), f"{name}.output")


def graph(weights, heads, epsilon):
    """The network of `train.logits`, in fp32, with a free batch axis."""
    _, tokens, width = weights["position_embedding"].shape
    patch = math.isqrt(weights["patch_embedding.weight"].shape[0])
    side = patch * math.isqrt(tokens - 1)
    g = Graph(weights)
    # Patches that touch and do not overlap are a convolution whose stride is its size.
    kernel = weights["patch_embedding.weight"].T.reshape(width, 1, patch, patch)
    g.constant("patch_embedding.weight", kernel)
    # In a shape, 0 is the length that the axis has.
    g.constant("patches.shape", [0, width, tokens - 1], numpy.int64)
    g.constant("class_token.room", [0, 1, 0, 0, 0, 0], numpy.int64)
    g.constant("class_token.index", 0, numpy.int64)
    g.constant("attention.split", [0, tokens, heads, width // heads], numpy.int64)
    g.constant("attention.join", [0, tokens, width], numpy.int64)
    g.constant("attention.scale", (width // heads) ** -0.5)
    g.constant("gelu.scale", 0.5**0.5)
    g.constant("gelu.one", 1.0)
    g.constant("gelu.half", 0.5)
    inputs = ["pixels", "patch_embedding.weight", "patch_embedding.bias"]
    maps = g.node("Conv", inputs, "patch_embedding", kernel_shape=[patch, patch], strides=[patch, patch])
    columns = g.node("Reshape", [maps, "patches.shape"], "patches.columns")
    rows = g.node("Transpose", [columns], "patches", perm=[0, 2, 1])
    with_class = g.node("Pad", [rows, "class_token.room"], "tokens")
    values = g.node("Add", [with_class, "position_embedding"], "embeddings")
    for layer in range(layers(weights)):
        name = f"layers.{layer}"
        mixed = g.attention(g.norm(values, f"{name}.attention_norm", epsilon), f"{name}.attention")
        values = g.node("Add", [values, mixed], f"{name}.attention_residual")
        up = g.linear(g.norm(values, f"{name}.mlp_norm", epsilon), f"{name}.mlp.up")
        down = g.linear(g.gelu(up, f"{name}.mlp.gelu"), f"{name}.mlp.down")
        values = g.node("Add", [values, down], f"{name}.mlp_residual")
    token = g.node("Gather", [values, "class_token.index"], "class_token", axis=1)
    g.node("Gemm", [g.norm(token, "final_norm", epsilon), "head.weight", "head.bias"], "logits")
    classes = len(weights["head.bias"])
    body = helper.make_graph(
        g.nodes,
        "digits-vit",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 1, side, side])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])],
        [numpy_helper.from_array(value, name) for name, value in g.constants.items()],
    )
    opset = [helper.make_operatorsetid("", OPERATOR_SET)]
    model = helper.make_model(body, opset_imports=opset, ir_version=FORMAT_VERSION, producer_name="furlong-digits")
    onnx.checker.check_model(model, full_check=True)
    return model


def write_all(folder, weights, heads, epsilon, rows, labels):
    """`rows` are 64 numbers of 0 to 16."""
    model = graph(weights, heads, epsilon)
    onnx.save(model, folder / FILES["fp32"])
    save(convert_float_to_float16(copy_of(model), keep_io_types=True), folder / FILES["fp16"])
    # Matrices only: the one convolution has 128 weights. Seven bits of eight, which no processor's sums overflow.
    options = {"op_types_to_quantize": ["MatMul"], "per_channel": True, "reduce_range": True}
    quantize_dynamic(copy_of(model), folder / FILES["int8"], weight_type=QuantType.QInt8, **options)
    save(onnx.load(folder / FILES["int8"]), folder / FILES["int8"])
    table = numpy.column_stack([rows, labels]).astype(int)
    numpy.savetxt(folder / ROWS, table, fmt="%d", delimiter=",")
    counts = {precision: score(folder / name, folder / ROWS) for precision, name in FILES.items()}
    (folder / CARD).write_text(card(counts["fp32"], len(labels)))
    print(f"{parameters(weights)} parameters\n")
    for precision, (first, five) in counts.items():
        print(f"| {precision} | {first}/{len(labels)} = {first / len(labels):.6f} | {five}/{len(labels)} |")
    print()
    for name in [*FILES.values(), ROWS, CARD]:
        content = (folder / name).read_bytes()
        print(f"| `{name}` | {len(content):,} | `{hashlib.sha256(content).hexdigest()}` |")


def copy_of(model):
    """The converters change what they are given."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def save(model, path):
    """In the order that the standard asks for, and without what the converters leave behind for themselves: shapes that any
    reader infers, and notes."""
    ONNXModel(model).topological_sort()
    del model.graph.value_info[:]
    del model.metadata_props[:]
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def score(model, table):
    """Right ones among the first and among the first five classes, one image at a time. Of equal outputs, the lower class
    goes first. Reads the files as they are: what it counts, somebody else can count."""
    runtime = session(model)
    table = numpy.loadtxt(table, delimiter=",", dtype=int)
    first = five = 0
    for *row, label in table.tolist():
        pixels = numpy.array(row, numpy.float32).reshape(1, 1, 8, 8) / 16
        ranked = numpy.argsort(-runtime.run(None, {"pixels": pixels})[0][0], kind="stable")
        first += int(ranked[0] == label)
        five += int(label in ranked[:5])
    return first, five


def check_agreement(folder, expected, pixels):
    found = session(folder / FILES["fp32"]).run(None, {"pixels": pixels[:, None]})[0]
    apart = float(numpy.abs(found - expected).max())
    if not apart < AGREEMENT:
        raise SystemExit(f"{FILES['fp32']} is not what was trained: outputs are up to {apart} apart, {AGREEMENT} at most")


def card(counts, total):
    first, five = counts
    source = f"onnxruntime {onnxruntime.__version__}, CPU, fp32, batch 1"
    return f"""\
# What Furlong is told of this model. Written by train.py with the figures of its own run; see README.md.
task: tensor-classification
licence: Apache-2.0
preprocessing:
  # Pixels of 0 to 16 become 0 to 1.
  tensor: {{ zero: 0, scale: 0.0625 }}
expected_accuracy:
  - {{ dataset: digits/test, metric: top-1, value: {first / total:.6f}, source: "{source}: {first} of {total}" }}
  - {{ dataset: digits/test, metric: top-5, value: {five / total:.6f}, source: "{source}: {five} of {total}" }}
"""
