//! End-to-end tests: real processes, real PostgreSQL, real ONNX Runtime, on loopback. One binary for all of them.

mod accuracy;
mod artifacts;
mod bad_input;
mod cli;
mod demo;
mod energy;
mod farm;
mod faults;
mod foreign_client;
mod kills;
mod measurement;
mod models;
