"""Given inputs: an .npz file with one array for each input of the model, samples along the first axis."""

import os

import numpy
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import create_calibrator, save_tensors_data

import models

from models import Refused

# Four for each of the 128 steps that the calibrator fits. TensorRT takes 2048, which costs the calibrator minutes.
ENTROPY_BINS = 512


def samples(path, inputs):
    """Feeds, one after the other. An array has the input's axes, of which the first is then cut into samples (of the input's
    own length if that is fixed), or one axis more in front."""
    try:
        with numpy.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise Refused("inputs", f"`{path}` is no .npz file of arrays: {error}") from error
    if missing := [name for name in inputs if name not in arrays]:
        raise Refused("inputs", f"`{path}` lacks `{missing[0]}`, an input of the model; it has: {', '.join(arrays)}")
    feeds = {name: list(cut(arrays[name], name, *inputs[name], path)) for name in inputs}
    counts = {name: len(feed) for name, feed in feeds.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise Refused("inputs", f"`{path}` must hold the same number of samples for each input, and at least one: {listed}")
    return [dict(zip(feeds, row)) for row in zip(*feeds.values())]


def cut(array, name, dtype, dims, path):
    if array.ndim == len(dims) + 1:
        parts = iter(array)
    elif array.ndim == len(dims) and array.ndim > 0:
        step = dims[0] if isinstance(dims[0], int) else 1
        parts = (array[start : start + step] for start in range(0, len(array) - step + 1, step))
    else:
        raise Refused("inputs", f"`{name}` in `{path}` has {array.ndim} axes; the model's input has {len(dims)}: {dims}")
    for part in parts:
        if any(isinstance(d, int) and d != length for d, length in zip(dims, part.shape)):
            raise Refused("inputs", f"a sample of `{name}` in `{path}` is {list(part.shape)}; the model's input is {dims}")
        yield numpy.ascontiguousarray(part, dtype=dtype)


class Reader(CalibrationDataReader):
    def __init__(self, path, inputs):
        try:
            self.samples = samples(path, inputs)
        except Refused as error:
            raise Refused("calibration", str(error)) from error
        self.rest = iter(self.samples)

    def __len__(self):
        return len(self.samples)

    def get_next(self):
        return next(self.rest, None)

    def rewind(self):
        self.rest = iter(self.samples)


def entropy_ranges(model, reader, operators, large, scratch):
    """Ranges by entropy, in a file as quantize_static takes them, and the number of bins.

    quantize_static itself would count in 128 bins and then fit 128 steps: the only candidate is the range of all values,
    which is min-max by another name (calibrate.py of 1.32, EntropyCalibrater).
    """
    source, path = os.path.join(scratch, "calibrate.onnx"), os.path.join(scratch, "ranges.json")
    onnx.save_model(models.copy_of(model), source, save_as_external_data=large)
    calibrator = create_calibrator(
        source,
        operators,
        augmented_model_path=os.path.join(scratch, "augmented.onnx"),
        calibrate_method=CalibrationMethod.Entropy,
        use_external_data_format=large,
        extra_options={"num_bins": ENTROPY_BINS},
    )
    calibrator.collect_data(reader)
    save_tensors_data(calibrator.compute_data(), path)
    return path, ENTROPY_BINS
