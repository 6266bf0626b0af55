//! The machine's memory, from proc_meminfo(5) and the container's own limit.

use std::path::Path;

use model::facts::memory::Sizes;
use model::seen::Seen;

use crate::memory::cgroups::Hierarchies;
use crate::memory::files::{keyed, number, text};

pub(crate) fn sizes(hierarchies: &Hierarchies) -> Seen<Sizes> {
    let Some(mut sizes) = parse(&text(Path::new("/proc/meminfo"))) else {
        return Seen::unseen("/proc/meminfo cannot be read");
    };
    if let Some((limit, used)) = own(hierarchies)
        && limit < sizes.total_bytes
    {
        sizes.limit_bytes = Some(limit);
        sizes.available_bytes = sizes.available_bytes.min(limit.saturating_sub(used));
    }
    Seen::Seen(sizes)
}

fn parse(meminfo: &str) -> Option<Sizes> {
    let bytes = |key| keyed(meminfo, key).map(|kib| kib.saturating_mul(1024));
    let swap_total_bytes = bytes("SwapTotal").unwrap_or(0);
    Some(Sizes {
        total_bytes: bytes("MemTotal")?,
        available_bytes: bytes("MemAvailable")?,
        swap_total_bytes,
        swap_used_bytes: swap_total_bytes.saturating_sub(bytes("SwapFree").unwrap_or(0)),
        limit_bytes: None,
    })
}

/// The limit of the group that this machine is in, and what is used of it; the root has none.
fn own(hierarchies: &Hierarchies) -> Option<(u64, u64)> {
    if let Some(root) = &hierarchies.unified {
        return Some((number(&root.join("memory.max"))?, number(&root.join("memory.current"))?));
    }
    let root = hierarchies.legacy.as_ref()?;
    let used = number(&root.join("memory.usage_in_bytes"))?;
    Some((number(&root.join("memory.limit_in_bytes"))?, used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes() {
        let sizes = parse("MemTotal: 16 kB\nMemAvailable: 8 kB\nSwapTotal: 4 kB\nSwapFree: 1 kB\n");
        let sizes = sizes.unwrap();
        assert_eq!((sizes.total_bytes, sizes.available_bytes), (16_384, 8_192));
        assert_eq!((sizes.swap_total_bytes, sizes.swap_used_bytes), (4_096, 3_072));
        assert_eq!(parse("MemTotal: x kB"), None);
    }
}
