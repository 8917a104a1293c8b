//! Boards that are not there: the agent does a board's work on this machine, slowed down, and a physical model in a thread
//! writes the files that the board's sensors would show, below a directory that stands for `/`.
//!
//! The readers of power, heat and clocks are those of real boards, and know nothing of this. Nothing here is a measurement:
//! whatever comes of a simulated board bears its name ([`domain::DeviceFacts::simulated`]).

mod board;
mod load;
mod pace;
mod physics;
mod profile;
mod tree;

pub(crate) use board::{Board, BoardError};
pub(crate) use pace::Pace;
pub(crate) use profile::{Profile, parse_board};
