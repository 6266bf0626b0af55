//! A page that listens on a free port, and a client that says exactly what it is told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::answer::Answer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use web::Doors;

pub const SCRAPER: &str = "a token for the scraper";

pub struct Served {
    pub address: SocketAddr,
    pub doors: Doors,
    task: JoinHandle<()>,
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub struct Heard {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Heard {
    /// The value of a header, or nothing.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Served {
    pub async fn new(answer: Arc<dyn Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let doors = Doors::new(address, Some(SCRAPER.to_owned()));
        let task = tokio::spawn(web::serve(listener, answer, doors.clone()));
        Self { address, doors, task }
    }

    /// The path and query of a fresh link.
    pub fn link(&self) -> String {
        let link = self.doors.link().expect("a link");
        link.split_once(&self.address.to_string()).expect("the address").1.to_owned()
    }

    pub async fn raw(&self, bytes: &[u8]) -> Heard {
        let mut stream = TcpStream::connect(self.address).await.expect("connected");
        // A server that has heard enough hangs up before all is sent.
        let _ = stream.write_all(bytes).await;
        let mut heard = Vec::new();
        let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut heard)).await;
        let heard = String::from_utf8_lossy(&heard).into_owned();
        let (head, body) = heard.split_once("\r\n\r\n").unwrap_or((&heard, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Heard { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Sends a request with these lines besides `Host` and `Connection: close`.
    pub async fn send(&self, method: &str, path: &str, lines: &[&str]) -> Heard {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{lines}\r\n",
            self.address
        );
        self.raw(head.as_bytes()).await
    }

    /// Opens the door with a fresh link and gives the cookie's line.
    pub async fn enter(&self) -> String {
        let heard = self.send("GET", &self.link(), &[]).await;
        assert_eq!(heard.status, 303, "{heard:?}");
        let cookie = heard.header("set-cookie").expect("a cookie");
        format!("Cookie: {}", cookie.split(';').next().expect("a pair"))
    }

    pub async fn page(&self, path: &str) -> Heard {
        let cookie = self.enter().await;
        self.send("GET", path, &[&cookie]).await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}
