//! Tests of the whole program: on this machine, in the lab, in a browser.

mod backup_keys;
mod build;
mod cli;
mod lab_backup;
mod lab_build;
mod lab_cookbook;
mod lab_drill;
mod lab_drill_private;
mod lab_drill_synapse;
mod lab_files;
mod lab_guides;
mod lab_healthy;
mod lab_logs;
mod lab_medium;
mod lab_memory;
mod lab_network;
mod lab_pub;
mod lab_repo;
mod lab_schedule;
mod lab_script;
mod lab_sqlite;
mod lab_storage;
mod lab_synapse;
mod lab_units;
mod lifecycle;
#[path = "../../../deb/tests/it/plain.rs"]
mod plain;
mod program;
mod recipes;
mod releases;
mod repo;
mod tidy;
