"""The five recipes: what of onnxruntime's converters is called, and with which options."""

import collections
import math
import os
import time

import onnx
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

import models
from calibration import Reader, entropy_ranges

OPSET_PER_CHANNEL = 13
# Where the weights are, and the axis of output channels: of MatMul the last, of Gather the rows.
WEIGHTS = {"MatMul": 1, "Gemm": 1, "Conv": 1, "ConvTranspose": 1, "Gather": 0}
ACTIVATIONS = {"unsigned": QuantType.QUInt8, "signed": QuantType.QInt8}
# What a transformer has and a convolutional network has not.
TRANSFORMER = {"LayerNormalization", "SimplifiedLayerNormalization", "SkipLayerNormalization", "Erf", "Gelu", "FastGelu"}
METHODS = {
    "min-max": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}


def convert(job):
    recipe = RECIPES.get(job["recipe"])
    if recipe is None:
        raise models.Refused("bad-job", f"unknown recipe `{job['recipe']}`: one of {', '.join(RECIPES)}")
    began = time.monotonic()
    original = models.read(job["model"])
    excluded = job["options"]["exclude"]
    models.check_names(original, excluded)
    tool, variant, options, converted = recipe(original, excluded, job)
    if not converted:
        message = f"{job['recipe']} changes no node of this model: it has no weights that the converter takes"
        raise models.Refused("nothing-to-convert", message)
    side_files = models.write(variant, job)
    models.check_loads(job["out"])
    return {
        "tool": tool,
        **models.versions(),
        "options": {name: text(value) for name, value in options.items()},
        "converted": converted,
        "side_files": side_files,
        "duration_ms": round(1000 * (time.monotonic() - began)),
    }


def text(value):
    """As people write it: `True`, `32`, `QInt8`, `a b`."""
    return " ".join(map(text, value)) if isinstance(value, (list, tuple)) else getattr(value, "name", str(value))


def fp16(original, excluded, job):
    options = {"keep_io_types": True}
    blocked = set(excluded)
    converted = collections.Counter(
        node.op_type
        for node in original.graph.node
        if node.name not in blocked and node.op_type not in DEFAULT_OP_BLOCK_LIST
    )
    inferred = models.infer_shapes(original, scratch(job))
    variant = convert_float_to_float16(inferred, disable_shape_infer=True, node_block_list=excluded, **options)
    tool = "onnxruntime.transformers.float16.convert_float_to_float16"
    return tool, variant, {**options, "node_block_list": excluded}, converted


def int8_dynamic(original, excluded, job):
    model, excluded = prepare(original, excluded, job)
    # A Gemm becomes a MatMul and an Add before the converter looks at its list.
    left = excluded + [f"{name}_MatMul" for name in excluded]
    options = common(job) | {"weight_type": QuantType.QInt8}
    path = in_scratch(job, "dynamic.onnx")
    large = models.is_large(model)
    quantize_dynamic(model, path, nodes_to_exclude=left, use_external_data_format=large, **options)
    variant = onnx.load(path)
    return "onnxruntime.quantization.quantize_dynamic", variant, described(options, excluded, job), counted(model, variant, excluded)


def int8_static(original, excluded, job):
    if not job["options"]["calibration"]:
        raise models.Refused("calibration", "int8-static needs calibration data, and the job names none")
    model = models.raise_opset(original, OPSET_PER_CHANNEL)
    model, excluded = prepare(model, excluded, job)
    options = common(job) | {
        "quant_format": QuantFormat.QDQ,
        "weight_type": QuantType.QInt8,
        "activation_type": ACTIVATIONS[job["options"]["activation"]],
        "calibrate_method": METHODS[job["options"]["method"]],
    }
    path = in_scratch(job, "static.onnx")
    large = models.is_large(model)
    extra = {}
    if any(node.op_type in TRANSFORMER for node in original.graph.node):
        # One range for a whole tensor loses the outliers of a transformer's residual stream, norms and softmax. With all
        # operators in 8 bits, MiniLM's embeddings keep a cosine of 0.42 with the original's; of weighted operators only,
        # 0.95; with their outputs left alone too, 0.99.
        options.setdefault("op_types_to_quantize", list(WEIGHTS))
        extra = {"OpTypesToExcludeOutputQuantization": list(WEIGHTS)}
    reader = Reader(job["options"]["calibration"], models.shapes(original.graph.input))
    settings = {"nodes_to_exclude": excluded, "use_external_data_format": large, "extra_options": extra}
    if options["calibrate_method"] == CalibrationMethod.Entropy:
        operators = options.get("op_types_to_quantize")
        ranges, bins = entropy_ranges(model, reader, operators, large, scratch(job))
        settings["calibration_cache_path"] = ranges
        extra |= {"num_bins": bins}
    quantize_static(model, path, reader, **settings, **options)
    variant = onnx.load(path)
    told = described(options | extra, excluded, job) | {"calibration_samples": len(reader)}
    operators = options.get("op_types_to_quantize")
    return "onnxruntime.quantization.quantize_static", variant, told, counted(model, variant, excluded, operators)


def int8_weight_only(original, excluded, job):
    """Every weight in 8 bits with a scale for each channel and a DequantizeLinear behind it.

    MatMulNBits with 8 bits was tried and not taken: it leaves the weights of Conv and Gather in 32 bits (a text model of
    90 MB becomes one of 60 MB instead of 24), took twice the time on the CPU, and is no operator of the ONNX standard.
    quantize_static would give activations a QuantizeLinear too; so its quantizer is told of weights only.
    """
    model = models.raise_opset(original, OPSET_PER_CHANNEL)
    model, excluded = prepare(model, excluded, job)
    # The arithmetic is in floats: nothing saturates, and weights have all 8 bits.
    options = common(job) | {"weight_type": QuantType.QInt8, "reduce_range": False}
    operators = options.pop("op_types_to_quantize", None) or list(WEIGHTS)
    quantizer = QDQQuantizer(
        model=model,
        per_channel=options["per_channel"],
        reduce_range=options["reduce_range"],
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=None,
        nodes_to_quantize=[],
        nodes_to_exclude=excluded,
        op_types_to_quantize=operators,
        extra_options={"WeightSymmetric": True},
    )
    before = models.copy_of(model)
    for name, axis in weights_by_axis(model, set(excluded), operators).items():
        if axis is None or not options["per_channel"]:
            quantizer.quantize_weight_tensor(name)
        else:
            quantizer.quantize_weight_tensor_per_channel(name, axis)
    # Nothing else is to be added on the way.
    quantizer.op_types_to_quantize = []
    variant = quantizer.quantize_model()
    options = {**options, "op_types_to_quantize": operators}
    tool = "onnxruntime.quantization.QDQQuantizer (weights only)"
    return tool, variant, described(options, excluded, job), counted(before, variant, excluded)


def weights_by_axis(model, excluded, operators):
    """Float constants that only these operators use, and none of the excluded nodes; `None` if their users disagree."""
    constants = {t.name: t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT and len(t.dims) > 1}
    found, others = {}, {value.name for value in model.graph.output}
    for node in model.graph.node:
        for position, name in enumerate(node.input):
            if name not in constants:
                continue
            if node.name in excluded or node.op_type not in operators or WEIGHTS.get(node.op_type) != position:
                others.add(name)
                continue
            found.setdefault(name, set()).add(axis_of(node, len(constants[name].dims)))
    return {name: axes.pop() if len(axes) == 1 else None for name, axes in found.items() if name not in others}


def axis_of(node, rank):
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    match node.op_type:
        case "MatMul":
            return rank - 1
        case "Gemm":
            return 0 if attributes.get("transB") else 1
        case "Conv":
            return 0
        case "ConvTranspose":
            # Of several groups, one channel of the weight serves several channels of the output.
            return 1 if attributes.get("group", 1) == 1 else 0
        case _:
            return attributes.get("axis", 0) % rank


def int4_weight(original, excluded, job):
    before = models.copy_of(original)
    ONNXModel(original).replace_gemm_with_matmul()
    left = excluded + [f"{name}_MatMul" for name in excluded]
    options = {"bits": 4, "block_size": job["options"]["block_size"], "is_symmetric": True}
    quantizer = MatMulNBitsQuantizer(original, nodes_to_exclude=left, **options)
    quantizer.process()
    tool = "onnxruntime.quantization.matmul_nbits_quantizer.MatMulNBitsQuantizer"
    variant = quantizer.model.model
    return tool, variant, {**options, "nodes_to_exclude": excluded}, counted(before, variant, excluded)


RECIPES = {
    "fp16": fp16,
    "int8-dynamic": int8_dynamic,
    "int8-weight-only": int8_weight_only,
    "int8-static": int8_static,
    "int4-weight": int4_weight,
}


def common(job):
    options = {name: job["options"][name] for name in ("per_channel", "reduce_range")}
    operators = job["options"]["operators"]
    return options | ({"op_types_to_quantize": operators} if operators else {})


def described(options, excluded, job):
    return {**options, "nodes_to_exclude": excluded, "quant_pre_process": job["options"]["preprocess"]}


def prepare(model, excluded, job):
    """Fuses what the runtime would fuse at load, before quantisation stands between: above all Conv and BatchNormalization."""
    if not job["options"]["preprocess"]:
        return model, excluded
    path = in_scratch(job, "prepared.onnx")
    large = {"save_as_external_data": True, "all_tensors_to_one_file": True} if models.is_large(model) else {}
    source = in_scratch(job, "named.onnx")
    onnx.save_model(models.copy_of(model), source, **large)
    for skip_symbolic in (False, True):
        try:
            quant_pre_process(source, path, skip_symbolic_shape=skip_symbolic, auto_merge=True, **large)
            break
        except Exception as error:
            # Symbolic shapes are a help and not a need; they fail on operators that they do not know.
            if skip_symbolic:
                raise models.Refused("unsupported", f"preparing the model for quantisation failed: {error}") from error
    prepared = onnx.load(path)
    models.name_nodes(prepared.graph)
    return prepared, models.follow(model, prepared, excluded)


def counted(before, variant, excluded, operators=tuple(WEIGHTS)):
    """How many nodes of these operators (of any, without) are no longer what they were: gone, or with inputs in whole numbers
    or dequantised."""
    small = {t.name for t in variant.graph.initializer if t.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)}
    small |= {n.output[0] for n in variant.graph.node if n.op_type == "DequantizeLinear"}
    after = {node.name: node for node in variant.graph.node}
    weights = {t.name for t in before.graph.initializer if t.data_type == onnx.TensorProto.FLOAT and math.prod(t.dims) > 1}
    counts = collections.Counter()
    for node in before.graph.node:
        if node.name in excluded or (operators and node.op_type not in operators):
            continue
        same = after.get(node.name)
        gone = same is None or same.op_type != node.op_type
        if (gone and (operators or set(node.input) & weights)) or (same is not None and set(same.input) & small):
            counts[node.op_type] += 1
    return counts


def scratch(job):
    return os.path.dirname(job["out"])


def in_scratch(job, name):
    return os.path.join(scratch(job), name)
