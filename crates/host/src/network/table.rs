//! The kernel's socket tables: `/proc/PID/net/{tcp,tcp6,udp,udp6}`.
//!
//! The format is proc_net_tcp.rst of the kernel's documentation. Leaves out established
//! connections and connected UDP sockets.

use std::io::{self, BufRead};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A socket that waits for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) inode: u64,
}

/// `TCP_LISTEN` of the kernel's tcp_states.h.
pub(super) const TCP_LISTEN: u8 = 0x0A;
/// `TCP_CLOSE`: what an unconnected UDP socket is said to be in.
pub(super) const UDP_BOUND: u8 = 0x07;

/// After so many rows of another state nothing more is expected: the kernel prints the listening
/// sockets first, and a busy machine has a hundred thousand others behind them.
const OTHERS: usize = 4096;

/// The most sockets that are kept of one table.
const MOST: usize = 20_000;

/// Reads the rows in the given state.
pub(super) fn rows(table: impl BufRead, state: u8) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut others = 0;
    for line in table.split(b'\n').skip(1) {
        let line = line?;
        match std::str::from_utf8(&line).ok().and_then(|line| row(line, state)) {
            Some(row) => {
                others = 0;
                rows.push(row);
            }
            None => others += 1,
        }
        if rows.len() >= MOST || (state == TCP_LISTEN && others >= OTHERS) {
            break;
        }
    }
    Ok(rows)
}

/// One line, if it is a socket in that state with a port.
fn row(line: &str, state: u8) -> Option<Row> {
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1)?;
    let seen = u8::from_str_radix(fields.nth(1)?, 16).ok()?;
    if seen != state {
        return None;
    }
    let inode = fields.nth(5)?.parse().ok()?;
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok().filter(|port| *port != 0)?;
    Some(Row { address: address_of(address)?, port, inode })
}

/// An address: one or four 32-bit words of it, each as this machine would print it.
fn address_of(text: &str) -> Option<IpAddr> {
    if !text.is_ascii() {
        return None;
    }
    let word = |at: usize| {
        let digits = text.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut octets = [0; 16];
            for (at, chunk) in octets.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(octets)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn read(text: &str, state: u8) -> Vec<Row> {
        rows(format!("{HEAD}{text}").as_bytes(), state).unwrap()
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn listening_sockets_are_read() {
        let text = "   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 547 1 0 100 0 0 10 0\n\
                       1: 0200A8C0:0016 0100A8C0:C000 01 00000000:00000000 00:00000000 00000000     0        0 548 1\n";
        assert_eq!(
            read(text, TCP_LISTEN),
            [Row { address: "127.0.0.1".parse().unwrap(), port: 5432, inode: 547 }]
        );
        let six = "   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 9 1\n";
        assert_eq!(read(six, TCP_LISTEN)[0].address, "::1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn broken_rows_are_left_out() {
        for text in ["\n", "0:", "0: x 0 0A\n", "0: 0100007F:1538 0:0 0A 0 0 0 0 0 -1\n", "\u{fc}"]
        {
            assert_eq!(read(text, TCP_LISTEN), [], "{text}");
        }
        assert_eq!(address_of("0100007é"), None);
    }

    #[test]
    fn a_long_tail_of_connections_is_not_read() {
        let other = "1: 0200A8C0:0016 0100A8C0:C000 01 0:0 0:0 0 0 0 548 1\n";
        let late = "1: 0200A8C0:0016 00000000:0000 0A 0:0 0:0 0 0 0 549 1\n";
        assert_eq!(read(&format!("{}{late}", other.repeat(100)), TCP_LISTEN).len(), 1);
        assert_eq!(read(&format!("{}{late}", other.repeat(OTHERS + 1)), TCP_LISTEN).len(), 0);
    }

    proptest! {
        #[test]
        fn no_table_does_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = rows(bytes.as_slice(), TCP_LISTEN);
        }

        #[test]
        fn what_the_kernel_prints_is_read_back(raw in any::<[u8; 4]>(), port in 1u16.., inode in any::<u64>()) {
            let address = u32::from_ne_bytes(raw);
            let line = format!("12: {address:08X}:{port:04X} 00000000:0000 07 0:0 0:0 0 0 0 {inode} 2");
            let row = row(&line, UDP_BOUND).unwrap();
            prop_assert_eq!(row, Row { address: IpAddr::from(raw), port, inode });
        }
    }
}
