use std::net::TcpListener;

use super::*;
use crate::power::meters::feed::Fed;
use crate::power::{PowerSource as _, ReadError};

/// A server that says what the maker's does, for one connection after the other: a recording that grows by a second and two
/// joules a question, with strangers' messages between its answers.
fn serve(refusing: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("accepted");
            let hello = json!({"type": "information", "info": "connected", "data": {"otii_version": "3.5.5"}});
            write!(stream, "{hello}\r\n").expect("written");
            let mut seconds = 0.0;
            let mut started = false;
            for line in BufReader::new(stream.try_clone().expect("cloned")).lines() {
                let Ok(line) = line else { break };
                let request: Value = serde_json::from_str(&line).expect("a request");
                let (id, data) = (&request["trans_id"], &request["data"]);
                let answer = match request["cmd"].as_str().expect("a command") {
                    "otii_get_devices" => json!({"devices": [
                        {"type": "Box", "device_id": "Box1"}, {"type": "Arc", "device_id": "Arc0001"},
                    ]}),
                    "otii_get_active_project" => json!({"project_id": 7}),
                    "project_get_last_recording" => json!({"recording_id": if started { 3 } else { -1 }}),
                    "arc_enable_channel" => json!({}),
                    "project_start_recording" => {
                        started = true;
                        json!({})
                    }
                    "recording_get_channel_info" => {
                        seconds += 1.0;
                        json!({"from": 0.0, "to": seconds})
                    }
                    "recording_get_channel_statistics" => {
                        let length = data["to"].as_f64().expect("to") - data["from"].as_f64().expect("from");
                        json!({"min": 0.0, "max": 1.0, "average": 0.4, "energy": 2.0 * length})
                    }
                    other => panic!("`{other}` is not asked for"),
                };
                let progress =
                    json!({"type": "progress", "cmd": request["cmd"], "trans_id": id, "progress_value": 0.5});
                let answer = if refusing {
                    json!({"type": "error", "errorcode": "No license", "trans_id": id, "data": {"message": "sorry"}})
                } else {
                    json!({"type": "response", "cmd": request["cmd"], "trans_id": id, "data": answer})
                };
                // To a question that was given up.
                let late = json!({"type": "response", "trans_id": "0", "data": {"to": -9.0, "energy": 1e9}});
                if write!(stream, "{progress}\r\n{late}\r\n{answer}\r\n").is_err() {
                    break;
                }
            }
        }
    });
    address
}

#[test]
fn energy_is_added_up_over_a_recording_that_grows() {
    let mut session = Session::begin(&serve(false)).unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!((session.device.as_str(), session.recording), ("Arc0001", 3));
    let mut placed = Vec::new();
    for _ in 0..8 {
        session.tell(&mut placed).expect("told");
    }
    let joules: Vec<_> = placed.iter().map(|placed| placed.value).collect();
    assert_eq!(joules, (1..=8).map(|second| Ok(2.0 * f64::from(second))).collect::<Vec<_>>());
    assert_eq!(placed[7].at_ns - placed[0].at_ns, 7_000_000_000, "by the clock of the recording");
}

#[test]
fn a_server_that_refuses_is_absent_with_its_words() {
    let absent = open(&serve(true), Scope::DcInput).err().expect("absent");
    assert!(absent.reason.contains("No license: sorry"), "{absent:?}");
    assert!(absent.hint.is_some_and(|hint| hint.contains("licence")));
}

#[test]
fn no_server_is_absent() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let absent = open(&address, Scope::DcInput).err().expect("absent");
    assert!(absent.reason.contains("does not answer"), "{absent:?}");
}

#[test]
fn a_connection_that_breaks_is_a_gap_and_no_end() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address").to_string();
    let stream = TcpStream::connect(&address).expect("connected");
    drop(listener);
    let client = Client { reader: BufReader::new(stream), transaction: 0 };
    let session = Session {
        client,
        device: "Arc0001".to_owned(),
        recording: 3,
        end_s: 0.0,
        joules: 0.0,
        still: 0,
        alignment: Alignment::default(),
    };
    let feed = Arc::new(Feed::default());
    let pushed = Arc::clone(&feed);
    let thread = std::thread::spawn(move || poll(&address, session, &pushed));
    let info = SourceInfo { name: "otii".to_owned(), poll: POLL, facts: BTreeMap::new(), remote: true };
    let mut source = Fed { info, rails: Vec::new(), feed: Arc::clone(&feed) };
    let mut readings = Vec::new();
    source.read(&mut readings).expect("asked");
    assert_eq!(feed.first(Duration::from_secs(10)), Ok(true));
    source.read(&mut readings).map_err(|error: ReadError| error.to_string()).expect("read");
    assert_eq!(readings[0].value, Err(Fault::Stale));
    drop(source);
    thread.join().expect("ended");
}

#[test]
fn an_answer_is_told_from_what_is_none() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures/external/otii-messages.jsonl");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: no shared fixtures");
        return;
    };
    let mut messages: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let answers: Vec<_> = messages.iter_mut().filter_map(|message| answer(message, "7")).collect();
    assert_eq!(answers.len(), 1, "neither the request, nor the progress, nor what the server says by itself");
    assert_eq!(answers[0].as_ref().map(|data| data["energy"].as_f64()), Ok(Some(0.000_290_418_408_670_424)));
}
