//! A web server on loopback for tests, with the faults that real ones have.
//!
//! Leaves out TLS.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What is served, and what was asked.
#[derive(Default)]
pub struct Shop {
    pub files: BTreeMap<String, Vec<u8>>,
    /// So many next answers are a 503.
    pub failing: u32,
    /// The next bodies end after so many bytes, and the connection with them.
    pub cuts: Vec<usize>,
    /// Whether `Range` is ignored.
    pub no_ranges: bool,
    /// Each request's path, and the first byte it asked for.
    pub asked: Vec<(String, u64)>,
}

/// The server; it serves until the test's process ends.
pub struct Web {
    pub address: String,
    pub shop: Arc<Mutex<Shop>>,
}

impl Web {
    pub fn open(files: &[(&str, &[u8])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let files = files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()));
        let shop = Arc::new(Mutex::new(Shop { files: files.collect(), ..Shop::default() }));
        let served = shop.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shop = served.clone();
                thread::spawn(move || while serve(&stream, &shop).is_some() {});
            }
        });
        Self { address, shop }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    pub fn asked(&self) -> Vec<(String, u64)> {
        self.shop.lock().expect("shop").asked.clone()
    }
}

fn serve(mut stream: &TcpStream, shop: &Mutex<Shop>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut from = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok()?;
        }
    }
    let mut shop = shop.lock().ok()?;
    shop.asked.push((path.clone(), from));
    if shop.failing > 0 {
        shop.failing -= 1;
        return stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").ok();
    }
    let Some(bytes) = shop.files.get(&path) else {
        return stream.write_all(b"HTTP/1.1 404 Nothing\r\nContent-Length: 0\r\n\r\n").ok();
    };
    let bytes = bytes.clone();
    let all = bytes.len() as u64;
    let (status, start) =
        if shop.no_ranges || from == 0 { ("200 OK", 0) } else { ("206 Part", from) };
    if start >= all && start > 0 {
        return stream.write_all(b"HTTP/1.1 416 Beyond\r\nContent-Length: 0\r\n\r\n").ok();
    }
    let body = &bytes[usize::try_from(start).ok()?..];
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    if start > 0 {
        head.push_str(&format!("Content-Range: bytes {start}-{}/{all}\r\n", all - 1));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    if let Some(cut) = shop.cuts.pop() {
        stream.write_all(&body[..cut.min(body.len())]).ok()?;
        stream.shutdown(std::net::Shutdown::Both).ok()?;
        return None;
    }
    stream.write_all(body).ok()
}
