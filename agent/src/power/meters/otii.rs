//! An Otii Arc or Ace through the server of its desktop program: JSON lines over TCP, a request and its answer at a time.
//!
//! Lets it record, and adds up the energy of what it recorded since it was last asked: a counter, so that a late question
//! costs nothing. Never sets a voltage and never switches the supply: the board would be off. Somebody logs in and holds the
//! licence for automation in the desktop program.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};
use serde_json::{Value, json};

use super::super::{Absent, Fault, Probed, Reading, SourceInfo};
use super::alignment::{Alignment, Arrived, Placed, nanoseconds};
use super::feed::{Fed, Feed};
use crate::stopwatch;

const POLL: Duration = Duration::from_secs(1);
/// The maker's own client waits as long for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Lines that are no answer to the question (progress, information) before it is given up.
const STRAY_LINES: usize = 100;
const LINE_LIMIT_BYTES: u64 = 64 * 1024;
/// A recording that does not grow for so many polls has ended.
const STILL_POLLS: u32 = 3;

/// Devices that measure; a list may hold battery boxes and switchboards too.
const METERS: [&str; 3] = ["Arc", "Ace", "Simulator"];

pub(super) fn open(address: &str, scope: Scope) -> Probed {
    let absent = |problem: Problem| {
        let hint = match problem {
            Problem::Unreachable(_) => "start the desktop program and let its server listen",
            Problem::Refused(_) => "log in to the desktop program, hold the licence for automation, and open a project",
        };
        Absent { source: "otii", reason: problem.to_string(), hint: Some(hint.to_owned()) }
    };
    let session = Session::begin(address).map_err(absent)?;
    let rail = Rail::new(format!("otii@{}/main", session.device), scope, RailKind::Counter { range_j: None });
    let info = SourceInfo { name: "otii".to_owned(), poll: POLL, facts: BTreeMap::new(), remote: true };
    let feed = Arc::new(Feed::default());
    let (pushed, address) = (Arc::clone(&feed), address.to_owned());
    std::thread::Builder::new()
        .name("furlong-otii".to_owned())
        .spawn(move || poll(&address, session, &pushed))
        .map_err(|error| absent(Problem::Unreachable(error)))?;
    Ok(Box::new(Fed { info, rails: vec![rail], feed }))
}

fn poll(address: &str, first: Session, feed: &Feed) {
    let mut session = Some(first);
    let mut due_ns = 0;
    let mut placed = Vec::new();
    while feed.wait(due_ns) {
        due_ns = stopwatch::monotonic_ns() + i64::try_from(POLL.as_nanos()).unwrap_or(i64::MAX);
        let current = match session.take() {
            Some(session) => Ok(session),
            None => Session::begin(address),
        };
        let told = current.and_then(|mut current| {
            current.tell(&mut placed)?;
            feed.tell_offset(current.alignment.greatest_ns());
            Ok(current)
        });
        match told {
            // A recording that somebody ended is begun anew with the next session; its counter begins at 0 again.
            Ok(current) => session = Some(current).filter(|current| current.still < STILL_POLLS),
            Err(_) => placed.push(Placed { at_ns: stopwatch::monotonic_ns(), value: Err(Fault::Stale) }),
        }
        for Placed { at_ns, value } in placed.drain(..) {
            feed.push(Reading { rail: 0, begin_ns: at_ns, end_ns: at_ns, value });
        }
    }
}

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("the server does not answer: {0}")]
    Unreachable(#[from] io::Error),
    #[error("the server refuses: {0}")]
    Refused(String),
}

/// One recording that is followed.
struct Session {
    client: Client,
    device: String,
    recording: i64,
    /// Seconds of the recording that were added up, and their joules.
    end_s: f64,
    joules: f64,
    /// Polls in a row in which it did not grow.
    still: u32,
    alignment: Alignment,
}

impl Session {
    /// Joins the recording that runs, or lets one begin.
    fn begin(address: &str) -> Result<Self, Problem> {
        let mut client = Client::connect(address)?;
        let devices = client.ask("otii_get_devices", json!({"timeout": 1}))?;
        let devices = devices.pointer("/devices").and_then(Value::as_array).cloned().unwrap_or_default();
        let device = devices
            .iter()
            .filter(|device| device["type"].as_str().is_some_and(|kind| METERS.contains(&kind)))
            .find_map(|device| device["device_id"].as_str())
            .ok_or_else(|| Problem::Refused("no Arc or Ace is connected to it".to_owned()))?
            .to_owned();
        let project = number(&client.ask("otii_get_active_project", Value::Null)?, "/project_id")?;
        if project < 0 {
            return Err(Problem::Refused("no project is open".to_owned()));
        }
        let last = |client: &mut Client| {
            let last = client.ask("project_get_last_recording", json!({"project_id": project}))?;
            number(&last, "/recording_id")
        };
        let mut recording = last(&mut client)?;
        let running = recording >= 0 && {
            let running = client.ask("recording_is_running", json!({"recording_id": recording}))?;
            running.pointer("/running").and_then(Value::as_bool).unwrap_or(false)
        };
        if !running {
            client.ask("arc_enable_channel", json!({"device_id": device, "channel": "mc", "enable": true}))?;
            client.ask("project_start_recording", json!({"project_id": project}))?;
            recording = last(&mut client)?;
        }
        let mut session =
            Self { client, device, recording, end_s: 0.0, joules: 0.0, still: 0, alignment: Alignment::default() };
        if running {
            // What was recorded before is of no use and may be long.
            session.end_s = session.recorded_s()?;
        }
        Ok(session)
    }

    /// Appends the energy up to the end of what is recorded now.
    fn tell(&mut self, placed: &mut Vec<Placed>) -> Result<(), Problem> {
        let end_s = self.recorded_s()?;
        let arrival_ns = stopwatch::monotonic_ns();
        if end_s <= self.end_s {
            self.still += 1;
            placed.push(Placed { at_ns: arrival_ns, value: Err(Fault::Stale) });
            return Ok(());
        }
        let Self { client, device, recording, end_s: from_s, .. } = self;
        let asked =
            json!({"recording_id": recording, "device_id": device, "channel": "mc", "from": from_s, "to": end_s});
        let statistics = client.ask("recording_get_channel_statistics", asked)?;
        let energy = statistics.pointer("/energy").and_then(Value::as_f64).filter(|joules| joules.is_finite());
        (self.end_s, self.still) = (end_s, 0);
        self.joules += energy.ok_or_else(|| Problem::Refused("it tells no energy".to_owned()))?;
        let meter_ns = nanoseconds(end_s).ok_or_else(|| Problem::Refused("it tells no time".to_owned()))?;
        self.alignment.take(Arrived { meter_ns, arrival_ns, value: Ok(self.joules) }, placed);
        Ok(())
    }

    /// Seconds since the recording began for which there is data.
    fn recorded_s(&mut self) -> Result<f64, Problem> {
        let Self { client, device, recording, .. } = self;
        let asked = json!({"recording_id": recording, "device_id": device, "channel": "mc"});
        let info = client.ask("recording_get_channel_info", asked)?;
        info.pointer("/to").and_then(Value::as_f64).ok_or_else(|| Problem::Refused("it tells no time".to_owned()))
    }
}

fn number(data: &Value, pointer: &str) -> Result<i64, Problem> {
    let number = data.pointer(pointer).and_then(Value::as_i64);
    number.ok_or_else(|| Problem::Refused(format!("an answer lacks `{}`", &pointer[1..])))
}

/// The connection.
struct Client {
    reader: BufReader<TcpStream>,
    transaction: u64,
}

impl Client {
    fn connect(address: &str) -> Result<Self, Problem> {
        let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("{address} has no address"));
        let resolved = address.to_socket_addrs()?.next().ok_or_else(unknown)?;
        let stream = TcpStream::connect_timeout(&resolved, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { reader: BufReader::new(stream), transaction: 0 })
    }

    /// The data of the answer. What belongs to no question, or to one that was given up, is left out.
    fn ask(&mut self, command: &str, data: Value) -> Result<Value, Problem> {
        self.transaction += 1;
        let transaction = self.transaction.to_string();
        let mut request = json!({"type": "request", "cmd": command, "trans_id": transaction});
        if !data.is_null() {
            request["data"] = data;
        }
        self.reader.get_mut().write_all(format!("{request}\r\n").as_bytes())?;
        for _ in 0..STRAY_LINES {
            let mut line = Vec::new();
            self.reader.by_ref().take(LINE_LIMIT_BYTES).read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            let mut message: Value = serde_json::from_slice(&line).map_err(io::Error::from)?;
            match answer(&mut message, &transaction) {
                Some(Ok(data)) => return Ok(data),
                Some(Err(why)) => return Err(Problem::Refused(format!("{command}: {why}"))),
                None => {}
            }
        }
        Err(Problem::Refused(format!("{command}: it answers something else")))
    }
}

/// What a message answers; `None`: another question, or none.
fn answer(message: &mut Value, transaction: &str) -> Option<Result<Value, String>> {
    if message["trans_id"].as_str() != Some(transaction) {
        return None;
    }
    match message["type"].as_str() {
        Some("response") => Some(Ok(message["data"].take())),
        Some("error") => {
            let code = message["errorcode"].as_str().unwrap_or("an error without a name");
            let text = message.pointer("/data/message").or_else(|| message.pointer("/payload/message"));
            Some(Err(text.and_then(Value::as_str).map_or(code.to_owned(), |text| format!("{code}: {text}"))))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
