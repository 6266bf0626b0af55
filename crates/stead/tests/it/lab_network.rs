//! Planted faults in the lab: network.
