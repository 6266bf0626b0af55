//! One GET of a page of this machine, RFC 9112 as far as an answer without a following one goes.
//!
//! Leaves out TLS, redirects and everything that keeps a connection.

use model::recipe::question::{Answer, Url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::probe::connection::{MOST, connect, failed};

/// The status and the start of the body.
pub(super) async fn get(url: &Url) -> Answer {
    let mut stream = match connect(&url.place).await {
        Ok(stream) => stream,
        Err(answer) => return answer,
    };
    // To a visitor of version 1.0 nobody answers in chunks.
    let request = format!(
        "GET {} HTTP/1.0\r\nHost: {}\r\nUser-Agent: stead\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        url.path, url.host
    );
    if let Err(error) = stream.write_all(request.as_bytes()).await {
        return failed(&error);
    }
    let mut bytes = Vec::new();
    match stream.take(MOST as u64).read_to_end(&mut bytes).await {
        Ok(_) => {}
        // Some servers hang up roughly after their last word.
        Err(error) if bytes.is_empty() => return failed(&error),
        Err(_) => {}
    }
    read(&bytes)
}

fn read(bytes: &[u8]) -> Answer {
    let status = || {
        let line = bytes.split(|&byte| byte == b'\n').next()?;
        let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
        words.next().filter(|version| version.starts_with("HTTP/1."))?;
        words.next()?.parse::<u16>().ok().filter(|status| (100..1000).contains(status))
    };
    let Some(status) = status() else {
        let said = match bytes.is_empty() {
            true => "the connection was closed without an answer",
            false => "what answers does not speak HTTP",
        };
        return Answer::Refused(said.to_owned());
    };
    let end = [&b"\r\n\r\n"[..], b"\n\n"].into_iter().find_map(|mark| {
        bytes.windows(mark.len()).position(|window| window == mark).map(|at| at + mark.len())
    });
    let body = end.map(|end| String::from_utf8_lossy(&bytes[end..]).into_owned());
    Answer::Http { status, body: body.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        let said = read(b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\nlost\r\n\r\nhere");
        assert_eq!(said, Answer::Http { status: 404, body: "lost\r\n\r\nhere".to_owned() });
        let said = read(b"HTTP/1.0 204\r\n\r\n");
        assert_eq!(said, Answer::Http { status: 204, body: String::new() });
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for bytes in
            [&b""[..], b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 ok\r\n\r\n", b"HTTP/2 200\r\n\r\n"]
        {
            assert!(matches!(read(bytes), Answer::Refused(_)), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _answer = read(&bytes);
            let _answer = read(&[b"HTTP/1.1 200 OK\r\n\r\n", &bytes[..]].concat());
        }
    }
}
