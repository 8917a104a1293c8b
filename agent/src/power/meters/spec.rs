//! What follows `--power-meter`: `KIND=ADDRESS` or `KIND:SCOPE=ADDRESS`. Opens nothing before it is asked to.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use domain::Scope;

use super::super::{Absent, Probed};
use super::i2c::{Bus, Chip};
use super::{command, i2c, otii, plug, ptd, shelly, tasmota};

/// A meter as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterSpec {
    text: String,
    scope: Scope,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Base addresses, e.g. `http://plug.lan`.
    Shelly(String),
    Shelly1(String),
    Tasmota(String),
    Command(Vec<String>),
    Joulescope(Vec<String>),
    /// Host and port.
    Otii(String),
    Ptd(PathBuf),
    Ina(Bus),
}

/// The kinds, an example of each, and what it covers unless the user says otherwise.
const KINDS: [(&str, &str, Scope); 10] = [
    ("shelly", "shelly=http://plug.lan", Scope::Wall),
    ("shelly1", "shelly1=http://plug.lan", Scope::Wall),
    ("tasmota", "tasmota=http://plug.lan", Scope::Wall),
    ("command", "command:wall=read-meter --rate 10", Scope::Wall),
    ("joulescope", "joulescope=pyjoulescope_driver statistics --duration 365d", Scope::DcInput),
    ("otii", "otii=127.0.0.1:1905", Scope::DcInput),
    ("ptd", "ptd=/var/log/ptd.log", Scope::Wall),
    ("ina219", "ina219=i2c-1:0x40,shunt=0.1", Scope::DcInput),
    ("ina226", "ina226=i2c-1:0x40,shunt=0.01", Scope::DcInput),
    ("ina260", "ina260=i2c-1:0x40", Scope::DcInput),
];

/// The port of Otii's server.
const OTII_PORT: u16 = 1905;

/// Words that name no meter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMeter {
    #[error("`{0}` is no KIND=ADDRESS\nhint: e.g. shelly=http://plug.lan, or command=PROGRAM ARG ..")]
    NoAddress(String),
    #[error("no meter is called `{kind}`\nhint: one of {known}", known = names())]
    UnknownKind { kind: String },
    #[error("`{scope}` in `{text}` is nothing that a meter covers\nhint: one of wall, dc, battery, module, rail")]
    UnknownScope { scope: String, text: String },
    #[error("the address in `{text}` is wrong: {problem}\nhint: e.g. {example}")]
    Address { text: String, problem: String, example: &'static str },
}

impl MeterSpec {
    /// Reaches the meter and reads it once. Blocks for some seconds at most.
    pub(crate) fn open(&self) -> Probed {
        let Self { text: _, scope, kind } = self;
        match kind {
            Kind::Shelly(base) => plug::open(&shelly::GEN2, base, *scope),
            Kind::Shelly1(base) => plug::open(&shelly::GEN1, base, *scope),
            Kind::Tasmota(base) => plug::open(&tasmota::TASMOTA, base, *scope),
            Kind::Command(words) => command::open(words, *scope),
            Kind::Joulescope(words) => command::open_joulescope(words, *scope),
            Kind::Otii(address) => otii::open(address, *scope),
            Kind::Ptd(file) => ptd::open(file, *scope),
            Kind::Ina(bus) => i2c::open(bus, *scope),
        }
        .map_err(|Absent { source, reason, hint }| Absent {
            source,
            reason: format!("{self}: {reason}"),
            hint,
        })
    }
}

impl fmt::Display for MeterSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for MeterSpec {
    type Err = InvalidMeter;

    fn from_str(text: &str) -> Result<Self, InvalidMeter> {
        let (name, address) = text.split_once('=').ok_or_else(|| InvalidMeter::NoAddress(text.to_owned()))?;
        let (name, scope) = name.split_once(':').map_or((name, None), |(name, scope)| (name, Some(scope)));
        let &(name, example, usual) = KINDS
            .iter()
            .find(|(known, ..)| *known == name)
            .ok_or_else(|| InvalidMeter::UnknownKind { kind: name.to_owned() })?;
        let scope = scope.map_or(Ok(usual), |scope| parse_scope(scope, text))?;
        let kind = parse_kind(name, address.trim()).map_err(|problem| InvalidMeter::Address {
            text: text.to_owned(),
            problem,
            example,
        })?;
        Ok(Self { text: text.to_owned(), scope, kind })
    }
}

fn names() -> String {
    KINDS.map(|(name, ..)| name).join(", ")
}

fn parse_scope(scope: &str, text: &str) -> Result<Scope, InvalidMeter> {
    match scope {
        "wall" => Ok(Scope::Wall),
        "dc" | "dc-input" => Ok(Scope::DcInput),
        "battery" => Ok(Scope::Battery),
        "module" => Ok(Scope::Module),
        "rail" => Ok(Scope::Rail),
        _ => Err(InvalidMeter::UnknownScope { scope: scope.to_owned(), text: text.to_owned() }),
    }
}

fn parse_kind(name: &str, address: &str) -> Result<Kind, String> {
    if address.is_empty() {
        return Err("it is empty".to_owned());
    }
    match name {
        "shelly" => parse_base(address).map(Kind::Shelly),
        "shelly1" => parse_base(address).map(Kind::Shelly1),
        "tasmota" => parse_base(address).map(Kind::Tasmota),
        "command" => parse_words(address).map(Kind::Command),
        "joulescope" => parse_words(address).map(Kind::Joulescope),
        "otii" => parse_host(address).map(Kind::Otii),
        "ptd" => Ok(Kind::Ptd(PathBuf::from(address))),
        "ina219" => Bus::parse(Chip::Ina219, address).map(Kind::Ina),
        "ina226" => Bus::parse(Chip::Ina226, address).map(Kind::Ina),
        _ => Bus::parse(Chip::Ina260, address).map(Kind::Ina),
    }
}

fn parse_base(address: &str) -> Result<String, String> {
    let Some(host) = address.strip_prefix("http://") else {
        let secure = address.starts_with("https://");
        return Err(if secure { "plugs are asked without TLS" } else { "it does not begin with http://" }.to_owned());
    };
    let host = host.trim_end_matches('/');
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '@')) {
        return Err("it is a host and at most a port, and nothing behind".to_owned());
    }
    Ok(format!("http://{host}"))
}

fn parse_words(address: &str) -> Result<Vec<String>, String> {
    match shell_words::split(address) {
        Ok(words) if words.is_empty() => Err("it is empty".to_owned()),
        Ok(words) => Ok(words),
        Err(_) => Err("a quote is not closed".to_owned()),
    }
}

fn parse_host(address: &str) -> Result<String, String> {
    match address.rsplit_once(':') {
        None => Ok(format!("{address}:{OTII_PORT}")),
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(address.to_owned()),
        Some(_) => Err("it is no HOST:PORT".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> MeterSpec {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_example_is_a_meter() {
        for (name, example, scope) in KINDS {
            assert!(example.starts_with(name));
            assert_eq!(parsed(example).scope, scope, "{example}");
            assert_eq!(parsed(example).to_string(), example);
        }
    }

    #[test]
    fn a_command_is_split_like_a_shell_would_and_may_say_what_it_covers() {
        let spec = parsed("command:dc=read-meter --name 'my board' -r 10");
        assert_eq!(spec.scope, Scope::DcInput);
        assert_eq!(
            spec.kind,
            Kind::Command(["read-meter", "--name", "my board", "-r", "10"].map(str::to_owned).to_vec())
        );
        // An `=` in the address belongs to it.
        assert_eq!(parsed("command=m --rate=10").kind, Kind::Command(vec!["m".to_owned(), "--rate=10".to_owned()]));
    }

    #[test]
    fn what_may_be_left_out_is_filled_in() {
        assert_eq!(parsed("otii=bench").kind, Kind::Otii("bench:1905".to_owned()));
        assert_eq!(parsed("shelly=http://plug.lan/").kind, Kind::Shelly("http://plug.lan".to_owned()));
    }

    #[test]
    fn wrong_words_are_told_with_a_way_out() {
        let cases = [
            ("plug.lan", "is no KIND=ADDRESS"),
            ("monsoon=x", "one of shelly, shelly1, tasmota, command"),
            ("command:roof=x", "`roof` in `command:roof=x`"),
            ("shelly=plug.lan", "does not begin with http://"),
            ("shelly=https://plug.lan", "without TLS"),
            ("shelly=http://plug.lan/rpc", "nothing behind"),
            ("command=", "it is empty"),
            ("command='x", "a quote is not closed"),
            ("otii=host:x", "it is no HOST:PORT"),
            ("ina219=i2c-1:0x40", "shunt"),
            ("ina219=i2c-1:0x90,shunt=0.1", "0x90"),
        ];
        for (text, expected) in cases {
            let error = text.parse::<MeterSpec>().expect_err(text).to_string();
            assert!(error.contains(expected) && error.contains("\nhint: "), "{text}: {error}");
        }
    }
}
