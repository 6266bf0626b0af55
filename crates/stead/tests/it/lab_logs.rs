//! Planted faults in the lab: logs.
