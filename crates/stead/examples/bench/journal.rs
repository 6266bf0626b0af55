//! A journal with many lines, written over journald's own socket.

use std::os::unix::net::UnixDatagram;

/// Programs that the lines come from.
const SOURCES: u32 = 40;

/// Writes `count` lines of some two hundred kinds.
pub fn fill(count: u32) -> anyhow::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.connect("/run/systemd/journal/socket")?;
    for number in 0..count {
        let source = number % SOURCES;
        let text = match (number / SOURCES) % 5 {
            0 => format!(
                "accepted connection {number} from 10.{}.2.{} port {}",
                number % 200,
                number % 250,
                number % 60_000
            ),
            1 => {
                format!("request {number} took {} ms, {} bytes sent", number % 900, number % 70_000)
            }
            2 => format!(
                "room !{number:x}:example.org: {} events, state group {number}",
                number % 80
            ),
            3 => format!(
                "worker {} finished job {number:08x}-0000-4000-8000-{number:012x}",
                number % 16
            ),
            _ => format!(
                "cache hit ratio {}.{} % over {} keys",
                number % 100,
                number % 10,
                number % 5_000
            ),
        };
        let priority = if number % 1000 == 0 { 4 } else { 6 };
        let line = format!("MESSAGE={text}\nPRIORITY={priority}\nSYSLOG_IDENTIFIER=app{source}\n");
        socket.send(line.as_bytes())?;
    }
    Ok(())
}
