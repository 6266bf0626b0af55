//! What the node is asked and what it answers.
