use super::plan;

/// In `lines`, `^` marks the place of the one problem; it is no part of the file.
fn check(head: &str, lines: &str, message: &str, hint: &str) {
    let marked = format!("apiVersion: furlong/v1\nkind: Campaign\nname: t\n{head}{lines}\n");
    let before = &marked[..marked.find('^').expect("a marked place")];
    let line = before.matches('\n').count() + 1;
    let column = before.lines().last().unwrap_or_default().chars().count() + 1;
    let Err(error) = plan(&marked.replacen('^', "", 1)) else { panic!("nothing is wrong with {lines}") };
    let start = format!("error: {message}\n  --> test.yaml:{line}:{column}\n");
    assert!(error.starts_with(&start), "{lines}\nexpected\n{start}got\n{error}");
    assert_eq!(error.matches("error: ").count(), 1, "more than one problem:\n{error}");
    let hints = error.lines().filter(|line| line.starts_with("  = hint: ")).count();
    assert_eq!(hints, usize::from(!hint.is_empty()), "a hint too many or few:\n{error}");
    assert!(error.contains(hint), "expected the hint {hint:?}, got\n{error}");
}

/// Each case: a line of `defaults`, the message, and a part of the hint.
fn check_defaults(cases: &[(&str, &str, &str)]) {
    for (lines, message, hint) in cases {
        check("matrix: { model: [mobilenet] }\ndefaults:\n  ", lines, message, hint);
    }
}

#[test]
fn a_runtime_is_known_or_a_release_or_a_file() {
    check_defaults(&[
        ("runtime: ^onnxruntim", "unknown runtime `onnxruntim`", "did you mean `onnxruntime`?"),
        ("runtime: ^tvm", "unknown runtime `tvm`", "knows onnxruntime, onnxruntime==VERSION, { file: PATH }"),
        ("runtime: ^1.5", "unknown runtime `1.5`", "knows onnxruntime"),
        ("runtime: ^{}", "the runtime has no name", ""),
        ("runtime: ^[onnxruntime]", "runtime must be a name, or `{ name: {..} }`, here is a list", ""),
        ("runtime: ^onnxruntime==1.30", "`1.30` is not a release of onnxruntime", "all three numbers"),
        ("runtime: ^onnxruntime==1.30.0;reboot", "`1.30.0;reboot` is not a release of onnxruntime", "three numbers"),
        ("runtime: ^onnxruntime==", "`` is not a release of onnxruntime", "three numbers"),
        ("runtime: ^file", "runtime `file` needs the file's path", "{ file: lib/libonnxruntime.so }"),
        ("runtime: { ^onnxruntime: 1.30.0 }", "runtime `onnxruntime` takes nothing more, here is `1.30.0`", ""),
        (
            "runtime: { file: a.so, ^onnxruntime: b }",
            "a runtime has one name, here are `file` and `onnxruntime`",
            "into the matrix",
        ),
        (
            "runtime: { file: ^../a.so }",
            "runtime.file must name a file beside or below the campaign file, not `../a.so`",
            "",
        ),
        ("runtime: { file: ^lib/b.so }", "the file `lib/b.so` was not found", "relative to the campaign file"),
    ]);
}

#[test]
fn a_provider_is_known_and_set_up_with_text() {
    check_defaults(&[
        ("provider: ^cdua", "unknown provider `cdua`", "did you mean `cuda`?"),
        ("provider: ^gpu", "unknown provider `gpu`", "such as QNNExecutionProvider"),
        ("provider: { ^cdua: {} }", "unknown provider `cdua`", "did you mean `cuda`?"),
        (
            "provider: ^CudaExecutionProvider",
            "unknown provider `CudaExecutionProvider`",
            "did you mean `CUDAExecutionProvider`?",
        ),
        ("provider: { qnn: { ^option: { a: b } } }", "unknown key `option` in qnn", "did you mean `options`?"),
        ("provider: { qnn: ^5 }", "qnn must be `key: value` pairs, one a line or in braces, here is `5`", ""),
        ("provider: { qnn: { options: { a: ^[b] } } }", "qnn.options.a must be text, here is a list", ""),
        (
            "provider: { qnn: { options: { a: ^\"\\0\" } } }",
            "qnn.options.a must be text of at most 4096 bytes without NUL",
            "",
        ),
        (
            "provider: { cpu: { options: { ^a: b } } }",
            "provider `cpu` has neither a library nor options",
            "`provider: cpu`",
        ),
        (
            "provider: { qnn: { library: ^qnn.so } }",
            "library must be an absolute path on the device, not `qnn.so`",
            "/opt/qnn",
        ),
    ]);
}

#[test]
fn a_scenario_has_its_own_parameters_within_their_bounds() {
    let example = "{ server: { target_qps: 20, target_latency: 200ms, percentile: 99 } }";
    check_defaults(&[
        ("scenario: ^single", "unknown scenario `single`", "did you mean `single-stream`?"),
        ("scenario: ^server", "scenario `server` needs target_qps, target_latency, percentile", example),
        ("scenario: { ^server: }", "scenario `server` needs target_qps, target_latency, percentile", example),
        ("scenario: { ^server: { target_qps: 20 } }", "scenario `server` needs target_latency, percentile", example),
        (
            "scenario: { offline: { ^target_qps: 20 } }",
            "unknown key `target_qps` in offline",
            "target_qps belongs to `server`",
        ),
        (
            "scenario: { server: { ^target_qsp: 20 } }",
            "unknown key `target_qsp` in server",
            "did you mean `target_qps`?",
        ),
        (
            "scenario: { multi-stream: { samples_per_query: ^0 } }",
            "multi-stream.samples_per_query is 0, it must be 1 to 4096",
            "",
        ),
        (
            "scenario: multi-stream\n  batch: ^4",
            "batch is 4 in a multi-stream cell, where it must be 1",
            "{ multi-stream: { samples_per_query: 4 } }",
        ),
    ]);
    let server = |qps: &str, latency: &str, percentile: &str, message: &str, hint: &str| {
        let parameters = format!("target_qps: {qps}, target_latency: {latency}, percentile: {percentile}");
        check_defaults(&[(&format!("scenario: {{ server: {{ {parameters} }} }}"), message, hint)]);
    };
    server("^0", "1ms", "99", "server.target_qps is 0, it must be 0.001 to 1000000", "");
    server("^nan", "1ms", "99", "server.target_qps is `nan`, which is not a number of queries per second", "`max`");
    server("^0.0015", "1ms", "99", "server.target_qps is 0.0015, it may have at most 3 decimals", "");
    server("^lots", "1ms", "99", "server.target_qps is `lots`, which is not a number of queries per second", "`max`");
    server("9", "^2m", "99", "server.target_latency is 120s, it must be 1µs to 60s", "");
    server("9", "^200", "99", "server.target_latency is `200`, which is not a duration", "`500ms`");
    server("9", "1ms", "^100", "server.percentile is 100, it must be 50 to 99.99", "");
    server("9", "1ms", "^49.9", "server.percentile is 49.9, it must be 50 to 99.99", "");
    server("9", "1ms", "^p99", "server.percentile must be a number, here is `p99`", "");
}

#[test]
fn settings_are_within_their_bounds() {
    check_defaults(&[
        ("inter_threads: ^0", "inter_threads is 0, it must be 1 to 1024", ""),
        ("spinning: ^yes", "spinning must be `true` or `false`, here is `yes`", ""),
        ("arena: ^1", "arena must be `true` or `false`, here is `1`", ""),
        ("optimization: ^extendet", "unknown optimization `extendet`", "did you mean `extended`?"),
        ("affinity: ^medium", "affinity is `medium`, which names no processors", "\"0-3,6\""),
        (
            "variables: { ^LD_PRELOAD: a.so }",
            "variable `LD_PRELOAD` may not be set: LD_* changes what is run, not how",
            "another library",
        ),
        (
            "variables: { ^furlong_agent: a }",
            "variable `furlong_agent` may not be set: FURLONG_* changes what is run, not how",
            "another library",
        ),
        ("variables: { ^1A: a }", "`1A` cannot be the name of a variable", "letters, digits and `_`"),
        ("variables: { ^A-B: a }", "`A-B` cannot be the name of a variable", "letters, digits and `_`"),
        ("variables: { A: ^~ }", "variables.A must be text, here is nothing", ""),
        ("variables: { A: ^\"\\0\" }", "variables.A must be text of at most 4096 bytes without NUL", ""),
        ("batch: ^0", "batch is 0, it must be 1 to 4096", "an axis of size zero measures nothing"),
    ]);
}

#[test]
fn axes_shapes_and_state_are_within_their_bounds() {
    let many: Vec<String> = (0..65).map(|axis| format!("{}a{axis}: 1", if axis == 64 { "^" } else { "" })).collect();
    let axes = vec!["1"; 65].join(", ");
    check_defaults(&[
        ("dims: { height: ^0 }", "dims.height is 0, it must be 1 to 1000000", "size zero measures nothing"),
        ("dims: { height: ^1000001 }", "dims.height is 1000001, it must be 1 to 1000000", ""),
        ("dims: { height: ^-1 }", "dims.height must be a whole number that is not negative, here is `-1`", ""),
        ("dims: { a: 1, ^a: 2 }", "duplicate key `a`", "remove one of the two"),
        ("dims: { ^'': 1 }", "a name in dims has 1 to 256 bytes and no control characters", ""),
        ("dims: ^[1]", "dims must be `key: value` pairs, one a line or in braces, here is a list", ""),
        (&format!("dims: {{ {} }}", many.join(", ")), "dims has 65 entries, at most 64 are read", ""),
        ("shapes: { x: [1, ^0] }", "shapes.x[1] is 0, it must be 1 to 1000000", "size zero measures nothing"),
        ("shapes: { x: ^[] }", "shapes.x has 0 entries, it must have 1 to 64", ""),
        (&format!("shapes: {{ x: ^[{axes}] }}"), "shapes.x has 65 entries, it must have 1 to 64", ""),
        ("shapes: { x: ^3 }", "shapes.x must be a list, such as `[a, b]`, here is `3`", ""),
        ("state: { b: x, a: ^x }", "input `x` is fed by two outputs, `b` and `a`", "its own input"),
        ("state: { a: ^'' }", "a name in state.a has 1 to 256 bytes and no control characters", ""),
    ]);
}

#[test]
fn inputs_come_from_one_source_that_exists() {
    check_defaults(&[
        (
            "input: { tensors: ^a.npy }",
            "input.tensors is `a.npy`, which is neither an .npz nor a .pb file",
            "`numpy.savez`",
        ),
        (
            "input: { tensors: ^/inputs.npz }",
            "input.tensors must name a file beside or below the campaign file, not `/inputs.npz`",
            "",
        ),
        ("input: { tensors: ^b.pb }", "the file `b.pb` was not found", "relative to the campaign file"),
        (
            "input: { text: a, ^tensors: inputs.npz }",
            "input takes exactly one of text, random, tensors, here are `text` and `tensors`",
            "one of them",
        ),
        ("input: ^{}", "the input has no name", ""),
        (
            "input: { ^tensor: inputs.npz }",
            "input takes exactly one of text, random, tensors, here is `tensor`",
            "did you mean `tensors`?",
        ),
        ("input: ^random", "input takes exactly one of text, random, tensors, here is `random`", "{ random: {} }"),
        ("input: { random: { ranges: { x: ^[1, 0] } } }", "ranges.x is not a least and a greatest value", "[0, 255]"),
        ("input: { random: { ranges: { x: ^[1] } } }", "random.ranges.x has 1 entries, it must have 2 to 2", ""),
        ("input: { random: { ranges: { x: [0, ^.inf] } } }", "random.ranges.x[1] must be a number, here is `.inf`", ""),
    ]);
}

#[test]
fn a_requirement_can_be_met_by_every_cell() {
    check_defaults(&[
        ("require: ^{ provider: cpu }", "require lacks min_share", ""),
        ("require: { provider: ^cdua, min_share: 1 }", "unknown provider `cdua`", "did you mean `cuda`?"),
        ("require: { provider: cpu, min_share: ^0 }", "require.min_share is 0, it must be 0.000001 to 1", ""),
        ("require: { provider: cpu, min_share: ^1.1 }", "require.min_share is 1.1, it must be 0.000001 to 1", ""),
        ("require: { provider: cpu, min_share: ^95% }", "require.min_share must be a number, here is `95%`", ""),
        // The provider that was meant is cuda: nothing is said about cells without it.
        ("require: { provider: cuda, min_share: 1 }\n  provider: ^cdua", "unknown provider `cdua`", "mean `cuda`?"),
        (
            "require: { provider: ^cuda, min_share: 1 }",
            "require.provider is cuda, but there are cells with provider cpu",
            "give every cell the provider cuda",
        ),
    ]);
    check(
        "matrix: { model: [mobilenet], provider: [cuda, qnn] }\ndefaults: ",
        "{ require: { provider: ^cuda, min_share: 1 } }",
        "require.provider is cuda, but there are cells with provider qnn",
        "give every cell the provider cuda",
    );
}

#[test]
fn a_tier_is_known_and_leaves_room() {
    check_defaults(&[
        ("measure: { tier: ^quik }", "unknown tier `quik`", "did you mean `quick`?"),
        (
            "measure: { tier: standard, max_duration: ^5s }",
            "measure.max_duration (5s) is shorter than measure.min_duration (60s)",
            "the tier `standard`",
        ),
        (
            "measure: { min_duration: 9s, max_duration: ^5s }",
            "measure.max_duration (5s) is shorter than measure.min_duration (9s)",
            "",
        ),
    ]);
}

#[test]
fn an_axis_holds_each_meaning_once() {
    for (axis, message, hint) in [
        ("spinning: [true, ^true]", "`true` stands twice in matrix.spinning", ""),
        ("provider: [cpu, ^CPUExecutionProvider]", "`CPUExecutionProvider` stands twice in matrix.provider", ""),
        ("affinity: [0-3, ^'0,1,2,3']", "`0,1,2,3` stands twice in matrix.affinity", ""),
        (
            "scenario: [multi-stream, ^{ multi-stream: { samples_per_query: 8 } }]",
            "`multi-stream` stands twice in matrix.scenario",
            "",
        ),
        (
            "runtime: [{ file: lib/libonnxruntime.so }, ^{ file: ./lib//libonnxruntime.so }]",
            "`file` stands twice in matrix.runtime",
            "",
        ),
        ("optimization: ^[]", "matrix.optimization is empty, so no cell is left", "remove `optimization`"),
        ("spinning: ^true", "matrix.spinning must be a list, such as `[a, b]`, here is `true`", ""),
        ("scenario: [offline, ^servr]", "unknown scenario `servr`", "did you mean `server`?"),
        (
            "batch: [1, ^2]\n  scenario: [single-stream, multi-stream]",
            "batch is 2 in a multi-stream cell, where it must be 1",
            "samples_per_query",
        ),
    ] {
        check("matrix:\n  model: [mobilenet]\n  ", axis, message, hint);
    }
}
