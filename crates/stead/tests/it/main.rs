//! Tests of the whole program: on this machine, in the lab, in a browser.

mod cli;
mod lab_files;
mod lab_guides;
mod lab_healthy;
mod lab_logs;
mod lab_memory;
mod lab_network;
mod lab_storage;
mod lab_units;
mod program;
mod tidy;
