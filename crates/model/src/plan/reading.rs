//! Reads a file of the plan, and tells all that is wrong with it at once.
//!
//! Leaves out what can only be judged with the rest of the plan in hand.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::recipe::fault::Fault;
use crate::recipe::lines::Lines;
use crate::recipe::reading;

/// Reads the text of the plan's file of this name.
///
/// # Errors
/// All faults that were found, at least one, sorted by line.
pub fn read<T: JsonSchema + DeserializeOwned>(
    file: &str,
    text: &str,
) -> Result<(T, Lines), Vec<Fault>> {
    reading::read(text, schemars::schema_for!(T).as_value())
        .map_err(|faults| faults.into_iter().map(|fault| fault.within(file)).collect())
}

/// A fault at a key of the plan's file of this name.
pub fn fault(file: &str, lines: &Lines, key: &str, message: &str) -> Fault {
    lines.fault(key, message).within(file)
}

/// Whether a name can name a file, and stand between the marks that stead puts around it: 1 to 63
/// of a–z, 0–9 and `-`, with no `-` at either end.
pub fn is_label(name: &str) -> bool {
    name.parse::<crate::host_name::HostName>().is_ok()
}
