//! How long work tells what it is doing.
//!
//! Leaves out showing it: the command line draws a bar, the node's log has a line per step.

/// Who is told. Called from several threads at once.
pub trait Progress: Sync {
    /// A step has begun: a short sentence without a full stop, already printable.
    fn step(&self, text: &str);

    /// So many bytes of the step's work are done; `total` is unknown for some.
    fn bytes(&self, _done: u64, _total: Option<u64>) {}

    /// Why what was done so far must not count. Asked once all is saved, before a snapshot is
    /// written; the answer may take its time.
    fn void(&self) -> Option<String> {
        None
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _text: &str) {}
}
