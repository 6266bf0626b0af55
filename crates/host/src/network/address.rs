//! The addresses of a network namespace: `/proc/PID/net/{fib_trie,if_inet6}`.
//!
//! Leaves out loopback, and link-local addresses where there are others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The local addresses that both files name, sorted.
pub(super) fn addresses(fib_trie: &str, if_inet6: &str) -> Vec<IpAddr> {
    let mut all: Vec<IpAddr> = four(fib_trie)
        .map(IpAddr::V4)
        .chain(six(if_inet6).map(IpAddr::V6))
        .filter(|address| !address.is_loopback())
        .collect();
    if !all.iter().all(link_local) {
        all.retain(|address| !link_local(address));
    }
    all.sort();
    all.dedup();
    all
}

fn link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => four.is_link_local(),
        IpAddr::V6(six) => six.is_unicast_link_local(),
    }
}

/// The routing trie's leaves that are this host: `|-- 10.0.0.2`, then `/32 host LOCAL`.
fn four(fib_trie: &str) -> impl Iterator<Item = Ipv4Addr> {
    let mut leaf = None;
    fib_trie.lines().filter_map(move |line| {
        let line = line.trim_start();
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.trim_end().parse().ok();
            None
        } else if line.starts_with("/32 host LOCAL") {
            leaf
        } else {
            None
        }
    })
}

/// The first field of each line, 32 hexadecimal digits.
fn six(if_inet6: &str) -> impl Iterator<Item = Ipv6Addr> {
    if_inet6.lines().filter_map(|line| {
        let digits = line.split_ascii_whitespace().next().filter(|digits| digits.len() == 32)?;
        u128::from_str_radix(digits, 16).ok().map(Ipv6Addr::from_bits)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRIE: &str = "Main:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
     +-- 192.0.2.0/24 2 0 2
           |-- 192.0.2.0
              /24 link UNICAST
           |-- 192.0.2.2
              /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
Local:
           |-- 192.0.2.2
              /32 host LOCAL
";

    #[test]
    fn the_hosts_own_addresses_are_found() {
        let six = "fd000000000000000000000000000002 04 40 00 82     eth0
00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
";
        let wanted: Vec<IpAddr> =
            ["192.0.2.2", "fd00::2"].iter().map(|a| a.parse().unwrap()).collect();
        assert_eq!(addresses(TRIE, six), wanted);
        let only = "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n";
        assert_eq!(addresses("", only), ["fe80::fc:ff:fe00:1".parse::<IpAddr>().unwrap()]);
        assert_eq!(addresses("", ""), Vec::<IpAddr>::new());
    }

    proptest! {
        #[test]
        fn no_text_does_harm(trie in any::<String>(), six in any::<String>()) {
            let _ = addresses(&trie, &six);
        }
    }
}
