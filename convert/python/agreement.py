"""Compares a variant with its original: the same inputs through both on the CPU, and how far their first float outputs agree."""

import numpy
import onnx

import calibration
import models

# Valid ids for every vocabulary of text models, as in the agent's random inputs.
IDS = 1000
TOKENS = 32
PIXELS = 224


def compare(job):
    original = models.read(job["original"])
    inputs = models.shapes(original.graph.input)
    output = next((name for name, (dtype, _) in models.shapes(original.graph.output).items() if is_float(dtype)), None)
    if output is None:
        raise models.Refused("unsupported", "the original has no output of floats that could be compared")
    feeds = feeds_of(job["inputs"], original, inputs)
    del original
    expected, actual = (run(job[which], output, feeds) for which in ("original", "variant"))
    pairs = [kept(feed, *pair) for feed, *pair in zip(feeds, expected, actual)]
    finite = [pair for pair in pairs if numpy.isfinite(pair[1]).all()]
    # A sample with infinities or NaN agrees in nothing.
    cosines = [cosine(*pair) for pair in finite] + [0.0] * (len(pairs) - len(finite))
    return {
        "output": output,
        "samples": len(pairs),
        "non_finite": len(pairs) - len(finite),
        "cosine_mean": float(numpy.mean(cosines)),
        "cosine_min": float(numpy.min(cosines)),
        "max_abs": float(max((numpy.abs(a - b).max(initial=0) for a, b in finite), default=0.0)),
    }


def is_float(dtype):
    return numpy.issubdtype(dtype, numpy.floating)


def run(path, output, feeds):
    try:
        session = models.session(path)
    except Exception as error:
        raise models.Refused("not-loadable", f"ONNX Runtime does not load `{path}`: {error}") from error
    try:
        return [session.run([output], feed)[0].astype(numpy.float64) for feed in feeds]
    except Exception as error:
        raise models.Refused("failed", f"`{path}` cannot be run on these inputs: {error}") from error


def kept(feed, a, b):
    """Both flat, without the positions that a mask among the inputs leaves out: what a model answers for padding is noise that
    nobody reads, and quantisation changes it most."""
    if a.shape != b.shape:
        raise models.Refused("failed", f"the outputs have the shapes {list(a.shape)} and {list(b.shape)}")
    masks = (mask for name, mask in feed.items() if "mask" in name.lower() and mask.ndim == 2)
    mask = next((mask for mask in masks if a.ndim > 2 and mask.shape == a.shape[:2]), None)
    return (a.ravel(), b.ravel()) if mask is None else (a[mask != 0].ravel(), b[mask != 0].ravel())


def cosine(a, b):
    lengths = numpy.linalg.norm(a) * numpy.linalg.norm(b)
    # Of two vectors without a direction, the same nothing agrees.
    return float(min(1.0, a @ b / lengths)) if lengths > 0 else float(numpy.array_equal(a, b))


def feeds_of(source, original, inputs):
    if source.get("file"):
        return calibration.samples(source["file"], inputs)
    rows = table_rows(original)
    random = numpy.random.default_rng(source["seed"])
    lengths = {name: int(length) for name, length in source["dims"].items()}
    return [
        {name: value(random, name, dtype, shape(dims, lengths), rows.get(name, IDS)) for name, (dtype, dims) in inputs.items()}
        for _ in range(source["samples"])
    ]


def shape(dims, lengths):
    """Free axes: the given length, else 1 for the batch, 224 pixels for an image and 32 for anything else."""
    usual = [1, *[PIXELS if len(dims) == 4 else TOKENS] * (len(dims) - 1)]
    return [d if isinstance(d, int) else lengths.get(d, usual[axis]) for axis, d in enumerate(dims)]


def table_rows(model):
    """By input: rows of the smallest table it is an index into."""
    constants = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    rows = {}
    for node in model.graph.node:
        if node.op_type == "Gather" and node.input[0] in constants:
            dims = constants[node.input[0]]
            axis = onnx.helper.get_node_attr_value(node, "axis") if node.attribute else 0
            rows[node.input[1]] = min(dims[axis], rows.get(node.input[1], IDS))
    return rows


def value(random, name, dtype, dims, rows):
    """By type and name, as in the agent's random inputs: masks of ones, types of zeros, positions counted."""
    lower = name.lower()
    if "mask" in lower:
        return numpy.ones(dims, dtype)
    if "type" in lower:
        return numpy.zeros(dims, dtype)
    if "position" in lower:
        return numpy.broadcast_to(numpy.arange(dims[-1] if dims else 1), dims).astype(dtype)
    if is_float(dtype):
        return random.uniform(-1.0, 1.0, dims).astype(dtype)
    if dtype == bool:
        return random.integers(0, 2, dims).astype(bool)
    return random.integers(0, max(rows, 1), dims).astype(dtype)
