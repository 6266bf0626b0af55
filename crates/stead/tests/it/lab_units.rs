//! Planted faults in the lab: units.
