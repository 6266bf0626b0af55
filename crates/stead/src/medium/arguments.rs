//! The arguments of `stead medium`, with the help that teaches them.
//!
//! Leaves out what they do.

use std::path::PathBuf;

use clap::Args;

use crate::flags::Json;

/// Make a medium, or bring one up to date.
///
/// Packages come from this machine's own apt sources for the release, else from deb.debian.org;
/// signatures are verified. Before anything is copied, apt is asked whether the medium alone is
/// enough. Run it again after an interruption, or to bring the medium up to date: only what
/// changed is fetched and copied.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead medium make --with babeld-mesh /media/stick/stead\n      \
        for this machine's architecture, Debian bookworm\n  \
    stead medium make --dry-run --for arm64,armhf,amd64 --release bookworm,trixie \\\n      \
        --with babeld-mesh,static-site workshop.img\n      \
        say how many packages and bytes it would be\n  \
    stead medium make --with synapse --set synapse.server_name=example.org /media/stick/stead\n  \
    stead medium make --with ./own_1.0-1_all.deb --stead arm64=target/arm64/stead --for arm64 \\\n      \
        /media/stick/stead")]
pub struct Make {
    /// A folder, which is made if it is missing, or an image file that ends in `.img`
    pub path: PathBuf,

    /// Services: recipes, Debian packages, or .deb files
    #[arg(long, value_delimiter = ',', value_name = "NAMES", required = true)]
    pub with: Vec<String>,

    /// Architectures [default: this machine's]
    #[arg(long = "for", value_delimiter = ',', value_name = "ARCHITECTURES")]
    pub architectures: Vec<String>,

    /// Debian releases
    #[arg(long, value_delimiter = ',', value_name = "RELEASES", default_value = "bookworm")]
    pub release: Vec<String>,

    /// Choose a setting of a recipe; `stead recipe show` lists them
    #[arg(long = "set", value_name = "RECIPE.NAME=VALUE")]
    pub set: Vec<String>,

    /// The stead program for an architecture [default: this program, for its own]
    #[arg(long, value_name = "ARCHITECTURE=FILE")]
    pub stead: Vec<String>,

    /// Put no stead on the medium
    #[arg(long, conflicts_with = "stead")]
    pub without_stead: bool,

    /// Leave the plan's history out
    #[arg(long)]
    pub without_plan: bool,

    /// Bring recommended packages too
    #[arg(long)]
    pub recommends: bool,

    /// Read Debian from here alone: the folder that holds `dists`, as a URL
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,

    /// Whose signatures the mirror must have
    #[arg(long, value_name = "FILE", requires = "mirror",
          default_value = deb::upstream::DEBIAN_KEYRING)]
    pub keyring: PathBuf,

    /// The key that signs the medium, made if it is missing [default: medium.key in the folder of
    /// stead's data]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// Make an image that every system can read; files in it lose their modes
    #[arg(long)]
    pub fat: bool,

    /// Say what would be on it; fetch indexes and what recipes need, but no packages
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub json: Json,
}

/// Read a whole medium back and name each file that is not what was signed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead medium verify /media/stick/stead\n  \
    stead medium verify --key 4f0c… workshop.img\n\n\
    Exits 1 if a file is bad.")]
pub struct Verify {
    /// The medium's folder or image
    pub path: PathBuf,

    /// The SHA-256 of the key, as it was shown when the medium was made; without it the medium's
    /// own key is believed, which finds damage but not a medium that was exchanged as a whole
    #[arg(long, value_name = "SHA256")]
    pub key: Option<String>,

    #[command(flatten)]
    pub json: Json,
}
