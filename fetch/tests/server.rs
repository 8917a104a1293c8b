//! A server on this machine that says, byte for byte, what a test wants it to say: a well-kept one would not misbehave.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// Path and query.
    pub(crate) path: String,
    /// By lower-case name.
    headers: BTreeMap<String, String>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The first byte of `Range: bytes=N-`.
    pub(crate) fn first(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// Serves until the test ends. Every connection is for one request.
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Head>>>,
}

/// What the server does with a connection: the number of the request, the request, and where to write.
pub(crate) trait Act: Fn(usize, &Head, &mut Wire) + Send + Sync + 'static {}
impl<F: Fn(usize, &Head, &mut Wire) + Send + Sync + 'static> Act for F {}

impl Server {
    pub(crate) fn start(act: impl Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, act) = (Arc::clone(&seen), Arc::new(act));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, act) = (Arc::clone(&log), Arc::clone(&act));
                thread::spawn(move || {
                    let Some(head) = read_head(&stream) else { return };
                    let number = {
                        let mut log = log.lock().expect("the log");
                        log.push(head.clone());
                        log.len() - 1
                    };
                    act(number, &head, &mut Wire(stream));
                });
            }
        });
        Self { port, seen }
    }

    /// Sends these bytes with this tag, whole or from where it is asked to go on.
    pub(crate) fn of_file(content: Vec<u8>) -> Self {
        Self::start(move |_, head, wire| wire.file(head, &content, "\"v1\""))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<Head> {
        self.seen.lock().expect("the log").clone()
    }
}

pub(crate) fn read_head(stream: impl Read) -> Option<Head> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    Some(Head { path, headers })
}

/// A connection. When it is dropped, it is closed; a client that has gone is no failure of the server's.
pub(crate) struct Wire(TcpStream);

impl Wire {
    /// Returns whether somebody is still there to read.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    pub(crate) fn head(&mut self, status: u16, headers: &[(&str, &str)]) {
        self.send(head(status, headers).as_bytes());
    }

    /// Answers with no body.
    pub(crate) fn status(&mut self, status: u16, headers: &[(&str, &str)]) {
        self.head(status, &[headers, &[("Content-Length", "0")]].concat());
    }

    /// Answers 200 with the whole, and no tag.
    pub(crate) fn plain(&mut self, body: &[u8]) {
        self.head(200, &[("Content-Length", &body.len().to_string())]);
        self.send(body);
    }

    /// Answers as a good server of static files does, `If-Range` included.
    pub(crate) fn file(&mut self, request: &Head, body: &[u8], tag: &str) {
        let is_same = request.header("if-range").is_none_or(|asked| asked == tag);
        match request.first().filter(|_| is_same) {
            Some(first) if first >= body.len() => {
                self.status(416, &[("Content-Range", &format!("bytes */{}", body.len()))]);
            }
            Some(first) => {
                let range = format!("bytes {first}-{}/{}", body.len() - 1, body.len());
                let length = (body.len() - first).to_string();
                self.head(206, &[("Content-Range", &range), ("Content-Length", &length), ("ETag", tag)]);
                self.send(&body[first..]);
            }
            None => {
                self.head(200, &[("Content-Length", &body.len().to_string()), ("ETag", tag)]);
                self.send(body);
            }
        }
    }

    /// Says how long the whole is, sends the beginning of it and goes.
    pub(crate) fn cut(&mut self, body: &[u8], after: usize, tag: &str) {
        self.head(200, &[("Content-Length", &body.len().to_string()), ("ETag", tag)]);
        self.send(&body[..after]);
    }

    /// Keeps the connection until the other side closes it.
    pub(crate) fn hold(&mut self) {
        let mut byte = [0];
        while self.0.read(&mut byte).is_ok_and(|count| count > 0) {}
    }
}

pub(crate) fn head(status: u16, headers: &[(&str, &str)]) -> String {
    let mut text = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").expect("a String takes everything");
    }
    text + "\r\n"
}
