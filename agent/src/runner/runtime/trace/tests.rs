use super::*;

const CPU: &str = "CPUExecutionProvider";

/// Events as ONNX Runtime 1.32 writes them.
fn kernel(name: &str, operator: &str, provider: &str, begin_us: u64, duration_us: u64) -> String {
    format!(
        r#"{{"cat" : "Node","pid" :7,"tid" :7,"dur" :{duration_us},"ts" :{begin_us},"ph" : "X","name" :"{name}_kernel_time","args" : {{"op_name" : "{operator}","provider" : "{provider}","node_index" : "0","output_type_shape" : [{{"float":[1,4]}}]}}}}"#
    )
}

fn session(name: &str, begin_us: u64, duration_us: u64) -> String {
    format!(
        r#"{{"cat" : "Session","pid" :7,"tid" :7,"dur" :{duration_us},"ts" :{begin_us},"ph" : "X","name" :"{name}","args" : {{}}}}"#
    )
}

fn fence() -> String {
    r#"{"cat" : "Node","pid" :7,"tid" :7,"dur" :1,"ts" :1,"ph" : "X","name" :"a_fence_before","args" : {"op_name" : "Add"}}"#
        .to_owned()
}

fn parsed(events: &[String], left_out: usize) -> Result<Placement, ProfileError> {
    parse(format!("[\n{}\n]\n", events.join(",\n")).as_bytes(), left_out)
}

/// A first call of 90 us, and two more.
fn three_calls() -> Vec<String> {
    let mut events = vec![session("session_initialization", 0, 5)];
    for (begin_us, add_us, mul_us) in [(100, 50, 40), (200, 10, 20), (300, 12, 20)] {
        events.push(fence());
        events.push(kernel("mul", "Mul", "NnapiExecutionProvider", begin_us, mul_us));
        events.push(kernel("add", "Add", CPU, begin_us + mul_us, add_us));
        events.push(session("SequentialExecutor::Execute", begin_us, add_us + mul_us));
        events.push(session("model_run", begin_us, add_us + mul_us));
    }
    events
}

fn node(name: &str, operator: &str, provider: &str, time_ns: u64) -> PlacedNode {
    let (name, operator, provider) = (name.to_owned(), operator.to_owned(), provider.to_owned());
    PlacedNode { name, operator, provider, time_ns }
}

#[test]
fn times_are_means_over_the_calls_that_count() {
    let placement = parsed(&three_calls(), 1).expect("a placement");
    let nodes = [node("mul", "Mul", "NnapiExecutionProvider", 20_000), node("add", "Add", CPU, 11_000)];
    assert_eq!((placement.calls, placement.nodes_left_out), (2, 0));
    assert_eq!(placement.nodes, nodes);
    let shares: Vec<_> = placement.providers.iter().map(|share| (share.provider.as_str(), share.nodes)).collect();
    assert_eq!(shares, [("NnapiExecutionProvider", 1), (CPU, 1)]);
    assert_eq!(parsed(&three_calls(), 0).expect("a placement").nodes[1].time_ns, 24_000);
}

#[test]
fn a_body_counts_with_its_own_nodes_and_is_taken_off_its_loop() {
    // Two turns, each of 3 us and 4 us, within a loop of 20 us.
    let mut events = vec![kernel("before", "Relu", CPU, 0, 10)];
    for begin_us in [12, 20] {
        events.push(kernel("neg", "Neg", CPU, begin_us, 3));
        events.push(kernel("add", "Add", CPU, begin_us + 3, 4));
        events.push(session("SequentialExecutor::Execute", begin_us, 7));
    }
    events.push(kernel("loop", "Loop", CPU, 10, 20));
    events.push(session("model_run", 0, 30));
    let placement = parsed(&events, 0).expect("a placement");
    let times: Vec<_> = placement.nodes.iter().map(|node| (node.name.as_str(), node.time_ns)).collect();
    assert_eq!(times, [("before", 10_000), ("neg", 6_000), ("add", 8_000), ("loop", 6_000)]);
    assert_eq!(placement.providers[0].time_ns, 30_000);
}

#[test]
fn shares_are_sorted_by_time_and_then_by_name() {
    let kernels = [("b", 0, 5), ("c", 5, 9), ("a", 14, 5)];
    let mut events: Vec<String> =
        kernels.map(|(operator, begin_us, us)| kernel(operator, operator, CPU, begin_us, us)).to_vec();
    events.push(session("model_run", 0, 19));
    let placement = parsed(&events, 0).expect("a placement");
    let operators: Vec<&str> = placement.operators.iter().map(|time| time.operator.as_str()).collect();
    assert_eq!(operators, ["c", "a", "b"]);
}

#[test]
fn nodes_beyond_the_limit_are_counted_in_the_shares_only() {
    let all = Placement::NODE_LIMIT + 3;
    let mut events: Vec<String> = (0..all).map(|number| kernel(&format!("n{number}"), "Add", CPU, 0, 0)).collect();
    events.push(session("model_run", 0, 0));
    let placement = parsed(&events, 0).expect("a placement");
    assert_eq!((placement.nodes.len(), placement.nodes_left_out), (Placement::NODE_LIMIT, 3));
    assert_eq!(placement.providers[0].nodes as usize, all);
}

#[test]
fn a_call_that_was_cut_off_does_not_count_and_none_at_all_is_an_error() {
    let mut events = three_calls();
    events.push(kernel("add", "Add", CPU, 400, 1000));
    assert_eq!(parsed(&events, 0).expect("a placement").nodes[1].time_ns, 24_000);
    assert!(matches!(parsed(&events, 3), Err(ProfileError::Empty)));
    assert!(matches!(parsed(&[], 0), Err(ProfileError::Empty)));
}

#[test]
fn what_is_no_trace_is_an_error() {
    for text in ["", "{}", "[{\"cat\": 3}]", "[{\"cat\": \"Node\""] {
        assert!(matches!(parse(text.as_bytes(), 0), Err(ProfileError::Malformed(_))), "{text}");
    }
}

#[test]
fn a_model_of_constants_has_calls_and_no_nodes() {
    let placement = parsed(&[session("model_run", 0, 3)], 0).expect("a placement");
    assert_eq!((placement.calls, placement.nodes.len(), placement.providers.len()), (1, 0, 0));
}
