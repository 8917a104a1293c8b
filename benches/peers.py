#!/usr/bin/env python3
"""Furlong against the official MLPerf LoadGen that drives ONNX Runtime, on the same model, input and machine.

Needs: pip install onnxruntime==1.32.0 mlcommons-loadgen numpy onnx, and a release build of furlong.

    python3 benches/peers.py --furlong target/release/furlong --launches 5 minilm-fp32.onnx minilm-int8.onnx

Each launch is a process of its own. Launches of the two alternate, and which goes first changes with every round, so that
drift of a shared machine hits both. Printed are medians over launches, and the median of the ratios within each round,
ours over LoadGen's. Nothing here passes or fails.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

SEQUENCE = 128


def peer(arguments):
    """One launch of LoadGen around ONNX Runtime's Python API, as a child process of this script."""
    import queue
    import threading

    import mlperf_loadgen as loadgen
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(arguments.model, options, providers=["CPUExecutionProvider"])
    with numpy.load(arguments.input) as archive:
        feed = {name: archive[name] for name in archive.files}
    for _ in range(10):
        session.run(None, feed)

    def serve(samples):
        for sample in samples:
            session.run(None, feed)
            loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(sample.id, 0, 0)])

    arrivals = queue.Queue()

    def work():
        while (samples := arrivals.get()) is not None:
            serve(samples)

    # A server's queries must not wait in LoadGen's own issuing thread.
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    issue = arrivals.put if arguments.scenario == "Server" else serve
    settings = loadgen.TestSettings()
    settings.scenario = getattr(loadgen.TestScenario, arguments.scenario)
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.min_duration_ms = int(arguments.seconds * 1000)
    settings.min_query_count = 128 if arguments.scenario != "Offline" else 1
    if arguments.scenario == "Offline":
        settings.offline_expected_qps = arguments.rate
    if arguments.scenario == "Server":
        settings.server_target_qps = arguments.rate
        settings.server_target_latency_ns = int(arguments.latency_ms * 1e6)
        settings.server_target_latency_percentile = 0.99
        settings.schedule_rng_seed = arguments.seed
    logs = loadgen.LogSettings()
    logs.log_output.outdir = arguments.logs
    logs.log_output.copy_summary_to_stdout = False
    logs.enable_trace = False
    library = loadgen.ConstructQSL(16, 16, lambda _: None, lambda _: None)
    system = loadgen.ConstructSUT(lambda samples: issue(list(samples)), lambda: None)
    loadgen.StartTestWithLogSettings(system, library, settings, logs)
    arrivals.put(None)
    loadgen.DestroyQSL(library)
    loadgen.DestroySUT(system)
    summary = {}
    with open(os.path.join(arguments.logs, "mlperf_log_summary.txt")) as lines:
        for line in lines:
            key, separator, value = line.partition(":")
            if separator:
                summary[key.strip()] = value.strip()
    number = lambda key: float(summary[key]) if key in summary else None
    rate = {
        "SingleStream": "QPS w/o loadgen overhead",
        "Offline": "Samples per second",
        "Server": "Completed samples per second",
    }[arguments.scenario]
    print(json.dumps({
        "p50": number("50.00 percentile latency (ns)"),
        "p90": number("90.00 percentile latency (ns)"),
        "qps": number(rate),
        "result": summary.get("Result is"),
    }))


def make_input(model, path):
    """One query for a model of free batch and sequence axes, shared by both sides."""
    import numpy
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rng = numpy.random.default_rng(0)
    types = {"tensor(int64)": numpy.int64, "tensor(int32)": numpy.int32, "tensor(float)": numpy.float32}
    feed = {}
    for value in session.get_inputs():
        free = iter([1, SEQUENCE, SEQUENCE, SEQUENCE])
        shape = [length if isinstance(length, int) else next(free) for length in value.shape]
        kind = types[value.type]
        if "mask" in value.name:
            feed[value.name] = numpy.ones(shape, kind)
        elif "type" in value.name:
            feed[value.name] = numpy.zeros(shape, kind)
        elif kind is numpy.float32:
            feed[value.name] = rng.standard_normal(shape).astype(kind)
        else:
            feed[value.name] = rng.integers(1000, 30000, shape).astype(kind)
    numpy.savez(path, **feed)


def make_tiny(path):
    """y = x + x on 16 floats: nothing but the call."""
    import onnx
    from onnx import TensorProto, helper

    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [16])
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "tiny", [value("x")], [value("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


def launch_peer(scenario, model, feed, seconds, rate, latency_ms, seed):
    with tempfile.TemporaryDirectory() as logs:
        command = [sys.executable, __file__, "--peer", "--scenario", scenario, "--model", model, "--input", feed]
        command += ["--seconds", str(seconds), "--rate", str(rate), "--latency-ms", str(latency_ms), "--logs", logs]
        command += ["--seed", str(seed)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def launch_furlong(furlong, scenario, model, feed, seconds, rate, latency_ms, library):
    name = {"SingleStream": "single-stream", "Offline": "offline", "Server": "server"}[scenario]
    command = [furlong, "run", model, "--input", feed, "--scenario", name, "--json"]
    command += ["--min-duration", f"{seconds:.3f}s", "--min-queries", "128"]
    if library:
        command += ["--onnxruntime", library]
    if scenario == "Server":
        command += ["--target-qps", f"{rate:.3f}", "--target-latency", f"{latency_ms:.3f}ms"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"furlong failed: {done.stderr}")
    run = json.loads(done.stdout)["data"]["models"][0]["launches"][0]
    latency = run["statistics"]["latency"]
    qps = 1e9 / latency["mean_ns"] if scenario == "SingleStream" else run["statistics"]["throughput_per_s"]
    return {"p50": latency["p50_ns"], "p90": latency["p90_ns"], "qps": qps, "result": run["verdict"]["level"]}


def compare(arguments, model, feed, scenario, rate, latency_ms):
    ours, theirs = [], []
    for round_number in range(arguments.launches):
        # Ours draws the same arrivals in every launch, LoadGen others in each: at the rate that ours came to, so that its
        # draws lie around ours. That rate is known after the first launch only.
        def us():
            ours.append(launch_furlong(
                arguments.furlong, scenario, model, feed, arguments.seconds, rate, latency_ms, arguments.library))
        def them():
            at_rate = ours[0]["qps"] if scenario == "Server" else rate
            theirs.append(launch_peer(scenario, model, feed, arguments.seconds, at_rate, latency_ms, round_number + 1))
        first_is_ours = scenario == "Server" and round_number == 0 or round_number % 2 == 1
        for side in [us, them] if first_is_ours else [them, us]:
            side()
    # LoadGen's offline latencies are times of completion since the start, which no model has: only its rate compares.
    figures = ["qps"] if scenario == "Offline" else ["p50", "p90", "qps"]
    for figure in figures:
        a = statistics.median(side[figure] for side in ours)
        b = statistics.median(side[figure] for side in theirs)
        ratios = [one[figure] / other[figure] for one, other in zip(ours, theirs)]
        scale, unit = (1, "/s") if figure == "qps" else (1e3, "us")
        print(f"{os.path.basename(model):28} {scenario:13} {figure:4} furlong {a / scale:12.2f} {unit:3}"
              f" loadgen {b / scale:12.2f} {unit:3} ratio {statistics.median(ratios):.3f}"
              f" (rounds {min(ratios):.3f} .. {max(ratios):.3f})", flush=True)
    verdicts = [side["result"] for side in ours]
    print(f"{'':28} {scenario:13} furlong: {', '.join(verdicts)}; loadgen: {', '.join(s['result'] for s in theirs)}",
          flush=True)
    return statistics.median(side["p50"] for side in theirs if side["p50"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--furlong", default="target/release/furlong")
    parser.add_argument("--library", help="ONNX Runtime's shared library for furlong [default: its toolchain's]")
    parser.add_argument("--launches", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    for name in ["peer"]:
        parser.add_argument(f"--{name}", action="store_true", help=argparse.SUPPRESS)
    for name in ["scenario", "model", "input", "logs"]:
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1, help=argparse.SUPPRESS)
    for name in ["rate", "latency-ms"]:
        parser.add_argument(f"--{name}", type=float, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        return peer(arguments)
    with tempfile.TemporaryDirectory() as directory:
        tiny = os.path.join(directory, "tiny.onnx")
        make_tiny(tiny)
        seconds = arguments.seconds
        for model in [os.path.abspath(model) for model in arguments.models] + [tiny]:
            feed = os.path.join(directory, "input.npz")
            make_input(model, feed)
            arguments.seconds = seconds
            p50_ns = compare(arguments, model, feed, "SingleStream", 0, 0)
            capacity = 1e9 / p50_ns
            compare(arguments, model, feed, "Offline", capacity, 0)
            if model != tiny:
                # A third of the capacity: queues form, and drain. The two draw other arrivals, so that both need many.
                arguments.seconds = max(seconds, 1000 / (capacity / 3))
                compare(arguments, model, feed, "Server", capacity / 3, 20 * p50_ns / 1e6)


if __name__ == "__main__":
    main()
