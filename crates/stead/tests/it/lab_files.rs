//! Planted faults in the lab: files.
