use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener};
use std::sync::Mutex;

use super::super::{shelly, tasmota};
use super::*;
use crate::power::PowerSource;

/// Answers every GET with what `body` says: none = silence until the other side gives up.
fn serve(mut body: impl FnMut(usize) -> Option<(u16, String)> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for (index, stream) in listener.incoming().enumerate() {
            let mut stream = stream.expect("accepted");
            let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
                line.clear();
            }
            match body(index) {
                Some((status, text)) => {
                    let length = text.len();
                    write!(
                        stream,
                        "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
                    )
                    .expect("written");
                    stream.shutdown(Shutdown::Write).unwrap_or_default();
                }
                None => silent.push(stream),
            }
        }
    });
    format!("http://{address}")
}

fn shelly_says(watts: f64, watt_hours: f64) -> String {
    format!(r#"{{"output":true,"apower":{watts},"voltage":230.1,"aenergy":{{"total":{watt_hours},"minute_ts":60}}}}"#)
}

/// Asks until `count` readings are there.
fn read(source: &mut dyn PowerSource, count: usize) -> Vec<Reading> {
    let mut readings = Vec::new();
    let begin = stopwatch::now();
    while readings.len() < count {
        assert!(stopwatch::now() - begin < Duration::from_secs(20), "in vain: {readings:?}");
        source.read(&mut readings).expect("read");
        std::thread::yield_now();
    }
    readings
}

#[test]
fn a_plug_is_a_gauge_at_the_wall_with_a_counter_beside_it() {
    let base = serve(|_| Some((200, shelly_says(8.2, 5.125))));
    let mut source = open(&shelly::GEN2, &base, Scope::Wall).expect("open");
    let rails = source.rails().to_vec();
    assert_eq!((rails.len(), source.total()), (2, Some(&[0][..])));
    assert_eq!((rails[0].scope, rails[1].parent.as_ref()), (Scope::Wall, Some(&rails[0].key)));
    assert_eq!(rails[1].kind, RailKind::Counter { range_j: None });
    assert!(source.info().remote);
    let before_ns = stopwatch::monotonic_ns();
    let readings = read(source.as_mut(), 2);
    assert_eq!((readings[0].value, readings[1].value), (Ok(8.2), Ok(18_450.0)));
    assert!(before_ns <= readings[0].begin_ns && readings[0].begin_ns < readings[0].end_ns);
}

#[test]
fn the_first_generation_and_tasmota_are_asked_in_their_own_way() {
    let asked = Arc::new(Mutex::new(0));
    let base = serve(|_| Some((200, r#"{"meters":[{"power":12.5,"is_valid":true}]}"#.to_owned())));
    let mut source = open(&shelly::GEN1, &base, Scope::Wall).expect("open");
    assert_eq!(source.rails().len(), 1, "no counter, no rail");
    assert_eq!(read(source.as_mut(), 1)[0].value, Ok(12.5));
    let answer = r#"{"StatusSNS":{"ENERGY":{"Total":1.5,"Power":26,"ApparentPower":25,"Factor":0.06}}}"#;
    let counted = Arc::clone(&asked);
    let base = serve(move |_| {
        *counted.lock().expect("no panic") += 1;
        Some((200, answer.to_owned()))
    });
    let mut source = open(&tasmota::TASMOTA, &base, Scope::Wall).expect("open");
    assert_eq!(*asked.lock().expect("no panic"), 1, "nobody asked for readings yet");
    let readings = read(source.as_mut(), 2);
    assert_eq!((readings[0].value, readings[1].value), (Err(Fault::UnitSuspect), Ok(5.4e6)));
}

/// A plug that was there when it was opened, and what became of it.
fn check(then: Option<(u16, &str)>, expected: Fault) {
    let then = then.map(|(status, text)| (status, text.to_owned()));
    let base = serve(move |index| if index == 0 { Some((200, shelly_says(8.2, 5.0))) } else { then.clone() });
    let mut source = open(&shelly::GEN2, &base, Scope::Wall).expect("open");
    assert_eq!(read(source.as_mut(), 1)[0].value, Err(expected));
}

#[test]
fn a_plug_that_fails_is_a_gap() {
    check(Some((500, "{}")), Fault::Stale);
    check(None, Fault::Stale);
    check(Some((200, "<html>the router's login</html>")), Fault::NotANumber);
    check(Some((200, r#"{"output":true,"apower":8."#)), Fault::NotANumber);
    check(Some((200, r#"{"output":false,"apower":47.11}"#)), Fault::Stale);
    check(Some((200, r#"{"id":0,"act_power":-332.2}"#)), Fault::Negative);
    check(Some((200, r#"{"output":true,"apower":0.0}"#)), Fault::Zero);
    check(Some((200, r#"{"output":true,"apower":47110}"#)), Fault::UnitSuspect);
}

#[test]
fn an_answer_repeated_for_three_seconds_is_stale_if_its_counter_had_to_move() {
    let answer = |watts: f64, joules: Option<f64>| Answer { watts, doubt: None, joules, measured: vec![Some(230.1)] };
    let stale_at = |answer: &Answer, seconds: &[i64]| {
        let mut watch = Watch::default();
        let mut stale = seconds.iter().map(|second| watch.is_stale(answer, &shelly::GEN2, second * 1_000_000_000));
        stale.position(|stale| stale).map(|index| seconds[index])
    };
    let seconds: Vec<i64> = (0..60).collect();
    assert_eq!(stale_at(&answer(8.0, Some(18_000.0)), &seconds), Some(3));
    // Half a watt makes two steps of 3.6 J in 14.4 s.
    assert_eq!(stale_at(&answer(0.5, Some(18_000.0)), &seconds), Some(15));
    assert_eq!(stale_at(&answer(8.0, None), &seconds), Some(20));
    let mut watch = Watch::default();
    let moving = (0..60_u32).map(|second| {
        let answer = answer(8.0, Some(8.0 * f64::from(second)));
        watch.is_stale(&answer, &shelly::GEN2, i64::from(second) * 1_000_000_000)
    });
    assert_eq!(moving.filter(|stale| *stale).count(), 0, "a steady load is no fault");
}

#[test]
fn a_plug_that_is_not_there_or_another_thing_is_absent() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let gone = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let absent = open(&shelly::GEN2, &gone, Scope::Wall).err().expect("absent");
    assert!(absent.reason.contains("does not answer") && absent.hint.is_some(), "{absent:?}");
    let base = serve(|_| Some((401, String::new())));
    let absent = open(&shelly::GEN2, &base, Scope::Wall).err().expect("absent");
    assert!(absent.reason.contains("401"), "{absent:?}");
    let base = serve(|_| Some((200, "{}".to_owned())));
    let absent = open(&shelly::GEN2, &base, Scope::Wall).err().expect("absent");
    assert!(absent.hint.is_some_and(|hint| hint.contains("shelly1")));
}

#[test]
fn recorded_answers_are_what_they_are_known_to_be() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures/smart-plugs");
    let cases = [
        (&shelly::GEN2, "shelly-gen2-switch-status.json", Err(Fault::Stale)),
        (&shelly::GEN2, "shelly-em-negative.json", Err(Fault::Negative)),
        (&shelly::GEN1, "shelly-gen1-status.json", Ok(88.2)),
        (&tasmota::TASMOTA, "tasmota-status8.json", Err(Fault::UnitSuspect)),
    ];
    for (maker, name, expected) in cases {
        let Ok(text) = std::fs::read_to_string(format!("{folder}/{name}")) else {
            println!("skipped: no shared fixtures");
            return;
        };
        let answer = (maker.parse)(&serde_json::from_str(&text).expect("JSON")).expect("an answer");
        assert_eq!(answer.watts(), expected, "{name}");
    }
}
