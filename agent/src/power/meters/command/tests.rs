use super::*;

#[test]
fn a_line_is_watts_with_or_without_its_time() {
    let at = |seconds: i64, value| Some(Line { meter_ns: Some(seconds * 1_000_000), value });
    let now = |value| Some(Line { meter_ns: None, value });
    let cases = [
        ("4.25", now(Ok(4.25))),
        ("-, 4.25", now(Ok(4.25))),
        ("1.5,4.25", at(1_500, Ok(4.25))),
        ("1615916458.123,22.95", at(1_615_916_458_123, Ok(22.95))),
        ("12.500,4.2131,2498/2500", at(12_500, Ok(4.2131))),
        ("12.500,4.2131,2480/2500", at(12_500, Err(Fault::Broken))),
        ("12.500,4.2131,2498", at(12_500, Err(Fault::NotANumber))),
        ("1.5,nan", at(1_500, Err(Fault::NotANumber))),
        ("1.5,-1.0", at(1_500, Err(Fault::Sentinel))),
        ("1.5,-0.17", at(1_500, Err(Fault::Negative))),
        ("1.5,4.25 W", at(1_500, Err(Fault::NotANumber))),
        ("x,4.25", now(Err(Fault::NotANumber))),
        ("1,2,3,4", now(Err(Fault::NotANumber))),
        ("Traceback (most recent call last):", now(Err(Fault::NotANumber))),
        ("# t,watts", None),
        ("", None),
    ];
    for (text, expected) in cases {
        // A Unix time in seconds is a double: microseconds are all it holds.
        let rounded =
            parse(text).map(|line| Line { meter_ns: line.meter_ns.map(|at| (at + 500) / 1_000 * 1_000), ..line });
        assert_eq!(rounded, expected, "{text:?}");
    }
}

#[test]
fn a_line_without_its_end_is_thrown_away_and_one_without_end_costs_itself() {
    let long = "9".repeat(5_000);
    let text = format!("1.0\n{long}\n2.0\n3.0");
    let mut lines = Lines { reader: BufReader::new(text.as_bytes()), buffer: Vec::new() };
    assert_eq!(lines.next(), Some(Ok("1.0\n")));
    assert_eq!(lines.next(), Some(Err(TooLong)));
    assert_eq!(lines.next(), Some(Ok("2.0\n")));
    assert_eq!(lines.next(), None);
}

fn shell(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

/// Asks until `done`, or an error comes.
fn read_until(source: &mut dyn PowerSource, done: impl Fn(&[Reading]) -> bool) -> (Vec<Reading>, Option<ReadError>) {
    let mut readings = Vec::new();
    let begin = stopwatch::now();
    loop {
        assert!(stopwatch::now() - begin < Duration::from_secs(20), "in vain: {readings:?}");
        if let Err(error) = source.read(&mut readings) {
            return (readings, Some(error));
        }
        if done(&readings) {
            return (readings, None);
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_program_is_read_on_the_clock_of_the_device() {
    // `cat` on a pipe that nobody writes: it lives until it is ended.
    let words =
        shell("for t in 0 1 2 3 4 5 6 7; do echo 10$t,4.5; done; sleep 0.3; echo 107.3,4.5; mkfifo \"$0\"; cat \"$0\"");
    let directory = tempfile::tempdir().expect("a directory");
    let pipe = directory.path().join("pipe").to_string_lossy().into_owned();
    let before_ns = stopwatch::monotonic_ns();
    let words: Vec<String> = words.into_iter().chain([pipe]).collect();
    let mut source = open(&words, Scope::DcInput).expect("open");
    assert_eq!((source.rails()[0].key.as_str(), source.rails()[0].scope), ("command@sh/power", Scope::DcInput));
    let (readings, error) = read_until(source.as_mut(), |readings| !readings.is_empty());
    assert!(error.is_none());
    // What was taken seconds before anybody asked is of no use.
    assert!(readings.iter().all(|reading| reading.value == Ok(4.5)));
    let last = readings.last().expect("some");
    assert!((before_ns..=stopwatch::monotonic_ns()).contains(&last.end_ns));
    // Whatever `sleep` took longer than it should.
    assert!(source.clock_offset_ns().is_some_and(|offset_ns| offset_ns < 1_000_000_000));
}

#[test]
fn a_program_and_its_children_are_ended_with_the_source() {
    let directory = tempfile::tempdir().expect("a directory");
    let pipe = directory.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    // Both the shell and `cat` live until they are ended: nobody writes to the pipe.
    let script =
        format!("echo 4.5; cat <>{} & echo $$ $! >{}; wait", pipe.display(), directory.path().join("ids").display());
    let source = open(&shell(&script), Scope::Wall).expect("open");
    let begin = stopwatch::now();
    let ids: Vec<i32> = loop {
        let text = std::fs::read_to_string(directory.path().join("ids")).unwrap_or_default();
        if text.ends_with('\n') {
            break text.split_whitespace().map(|id| id.parse().expect("an id")).collect();
        }
        assert!(stopwatch::now() - begin < Duration::from_secs(10));
        std::thread::yield_now();
    };
    let runs = |id: i32| {
        let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        state.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
    };
    if !std::path::Path::new("/proc/self/stat").exists() {
        println!("skipped: no /proc");
        return;
    }
    assert!(runs(ids[0]) && runs(ids[1]));
    drop(source);
    assert!(!runs(ids[0]));
    while runs(ids[1]) {
        assert!(stopwatch::now() - begin < Duration::from_secs(10), "the shell's child lives on");
        std::thread::yield_now();
    }
}

#[test]
fn a_program_that_dies_says_its_last_words_and_may_be_started_again() {
    let words = shell("echo 4.5; echo first >&2; echo the meter was unplugged >&2; exit 3");
    let rail = |_: &str| Rail::new("power", Scope::Wall, RailKind::Gauge { window: None });
    let mut source = start("command", Format::Watts, &words, rail).expect("open");
    let (readings, error) = read_until(&mut source, |_| false);
    assert_eq!(readings.iter().map(|reading| reading.value).collect::<Vec<_>>(), [Ok(4.5)]);
    let error = error.expect("it died");
    assert!(matches!(&error, ReadError::Failed(why) if why.contains("the meter was unplugged")), "{error}");
    assert!(matches!(source.read(&mut Vec::new()), Err(ReadError::Gone(_))));
    assert!(source.recheck().is_err(), "not at once: it would die as fast as it is started");
    source.started_ns -= RESTART_NS;
    source.recheck().expect("started again");
    let (readings, error) = read_until(&mut source, |readings| !readings.is_empty());
    assert_eq!((readings[0].value, error.is_none()), (Ok(4.5), true));
}

#[test]
fn a_program_that_prints_nothing_good_is_absent_or_a_gap() {
    let absent = |script: &str| open(&shell(script), Scope::Wall).err().expect("absent");
    assert!(absent("echo no meter found >&2; exit 1").reason.contains("no meter found"));
    assert!(absent("printf 4.5").reason.contains("without a word"), "half a line is none");
    let unknown = open(&["furlong-no-such-program".to_owned()], Scope::Wall).err().expect("absent");
    assert!(unknown.reason.contains("can't be started") && unknown.hint.is_some(), "{unknown:?}");
    let mut source = open(&shell("echo Traceback; exit 1"), Scope::Wall).expect("it printed something");
    let (readings, _) = read_until(source.as_mut(), |_| false);
    assert_eq!(readings[0].value, Err(Fault::NotANumber));
}

#[test]
fn a_flood_is_bounded_and_told() {
    let mut source =
        open(&shell("i=0; while [ $i -lt 300 ]; do echo 4.5; i=$((i+1)); done; yes 4.5 | head -100000"), Scope::Wall)
            .expect("open");
    // Asked once, so that from now on what is lost is missed.
    source.read(&mut Vec::new()).expect("read");
    let (readings, error) = read_until(source.as_mut(), |_| false);
    assert!(matches!(error, Some(ReadError::Failed(_))));
    assert!(readings.len() <= 100_300 + 1_000, "{}", readings.len());
    assert!(readings.iter().all(|reading| matches!(reading.value, Ok(4.5) | Err(Fault::Broken))));
}

#[test]
fn a_joulescope_is_a_counter() {
    let line = |sample: u32, joules: &str| {
        format!("echo u/js220/1,{sample},0.5,0.01,0.4,0.6,5.1,0.001,5.09,5.11,2.0,0.06,2.2,3.1,0.5,{joules}; ")
    };
    let script: String = (0..10).map(|block| line(block * 500_000, &format!("{block}.25"))).collect();
    let mut source = open_joulescope(&shell(&script), Scope::DcInput).expect("open");
    assert_eq!(source.rails()[0].kind, RailKind::Counter { range_j: None });
    let (readings, _) = read_until(source.as_mut(), |_| false);
    assert_eq!(readings.last().map(|reading| reading.value), Some(Ok(9.25)));
    assert!(readings.windows(2).all(|pair| pair[1].end_ns - pair[0].end_ns == 500_000_000));
}
