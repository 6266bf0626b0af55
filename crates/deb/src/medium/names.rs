//! What the parts of a medium are called, relative to it.
//!
//! Leaves out what is in them.

/// The script that targets run.
pub const INSTALL: &str = "install";
/// The certificate as packets without armour, for apt's `signed-by` and gpgv.
pub const KEY: &str = "key.gpg";
/// Every file with its SHA-256.
pub const SUMS: &str = "SHA256SUMS";
/// The detached signature over it.
pub const SIGNATURE: &str = "SHA256SUMS.sig";
/// For programs.
pub const DESCRIPTION: &str = "medium.json";
/// For the script.
pub const LIST: &str = "medium.list";
/// For people.
pub const README: &str = "README.txt";
/// The repository.
pub const REPOSITORY: &str = "debian";
/// The folders of the recipes that were built.
pub const RECIPES: &str = "recipes";
/// The guides.
pub const DOCS: &str = "docs";
/// The plan's history.
pub const PLAN: &str = "plan.bundle";

/// What systems write to every stick they see; nothing on a medium reads it.
const LITTER: [&str; 7] = [
    "lost+found",
    "System Volume Information",
    "$RECYCLE.BIN",
    ".Trash-1000",
    ".Trashes",
    ".Spotlight-V100",
    ".fseventsd",
];

/// Whether a name in the medium's own folder is such litter.
pub fn is_litter(name: &str) -> bool {
    LITTER.contains(&name)
}
