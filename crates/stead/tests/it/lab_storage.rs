//! Planted faults in the lab: storage.
