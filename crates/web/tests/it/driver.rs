//! A browser under test: chromedriver's JSON over HTTP, as much of it as the tests need.
//!
//! Protocol: <https://www.w3.org/TR/webdriver2/>, and chromedriver's own commands for CDP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// A browser with a fresh profile; it ends with the value.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser, or says loudly that there is none.
    pub fn start(test: &str) -> Option<Self> {
        let (Some(chromium), Some(chromedriver)) = (found("chromium"), found("chromedriver"))
        else {
            skipped(test);
            return None;
        };
        let mut driver = Command::new(chromedriver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let port = BufReader::new(driver.stdout.take().expect("its output"))
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("started successfully on port ")?;
                rest.trim_end_matches('.').trim().parse().ok()
            })
            .expect("chromedriver names its port");
        let profile = TempDir::new().expect("a folder");
        let mut browser = Self { driver, port, session: String::new(), _profile: profile };
        let folder = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--lang=en-GB",
            &folder,
        ];
        let session = browser.send(
            "POST",
            "/session",
            &json!({"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"binary": chromium, "args": arguments},
                "goog:loggingPrefs": {"browser": "ALL"},
                "timeouts": {"script": 20_000, "pageLoad": 20_000},
            }}}),
        );
        browser.session = session["sessionId"].as_str().expect("a session").to_owned();
        Some(browser)
    }

    pub fn go(&self, url: &str) {
        self.command("url", &json!({"url": url}));
    }

    /// Runs a function's body in the page and gives what it returns.
    pub fn eval(&self, body: &str) -> Value {
        self.command("execute/sync", &json!({"script": body, "args": []}))
    }

    /// Waits in the page until the expression is true.
    pub fn until(&self, expression: &str) {
        let body = format!(
            "const done = arguments[0]; const look = () => \
             ({expression}) ? done(true) : setTimeout(look, 20); look();"
        );
        self.command("execute/async", &json!({"script": body, "args": []}));
    }

    /// Asks the browser itself, over the Chrome DevTools Protocol.
    pub fn cdp(&self, command: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Presses a key in whatever has the focus.
    pub fn press(&self, key: char) {
        let actions = ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key}));
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.command("actions", &json!({"actions": [keyboard]}));
    }

    /// What the console said since it was last asked: broken policies, errors, failed loads.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.command("se/log", &json!({"type": "browser"}));
        let lines = log.as_array().cloned().unwrap_or_default();
        lines.iter().map(|line| line["message"].to_string()).collect()
    }

    pub fn resize(&self, width: u32, height: u32) {
        let screen = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.cdp("Emulation.setDeviceMetricsOverride", &screen);
    }

    /// Asks the page for its dark or its light colours.
    pub fn scheme(&self, scheme: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.cdp("Emulation.setEmulatedMedia", &features);
    }

    /// Keeps a picture of the whole page among the artefacts.
    pub fn picture(&self, name: &str) {
        let whole = json!({"captureBeyondViewport": true, "format": "png"});
        let picture = self.cdp("Page.captureScreenshot", &whole);
        let bytes = unbase64(picture["data"].as_str().expect("a picture"));
        let folder = artefacts();
        std::fs::create_dir_all(&folder).expect("a folder for artefacts");
        std::fs::write(folder.join(format!("{name}.png")), bytes).expect("a picture is kept");
    }

    fn command(&self, command: &str, body: &Value) -> Value {
        self.send("POST", &format!("/session/{}/{command}", self.session), body)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let heard = exchange(self.port, method, path, &body.to_string()).expect("chromedriver");
        let answer: Value = serde_json::from_str(&heard).expect("an answer in JSON");
        let value = answer["value"].clone();
        assert!(value["error"].is_null(), "{method} {path}: {value}");
        value
    }
}

/// Ends the browser before its driver, which would leave it behind.
impl Drop for Browser {
    fn drop(&mut self) {
        let _ = exchange(self.port, "DELETE", &format!("/session/{}", self.session), "");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn exchange(port: u16, method: &str, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        if let Some(digits) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = digits.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A skipped test is said on stderr and in the file that CI reads.
fn skipped(test: &str) {
    let line = format!("skipped {test}: no chromium and chromedriver in PATH\n");
    eprint!("{line}");
    assert!(std::env::var_os("STEAD_BROWSER_REQUIRED").is_none_or(|value| value != "1"), "{line}");
    if let Some(path) = std::env::var_os("STEAD_SKIPPED") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the skip is noted");
    }
}

fn artefacts() -> PathBuf {
    std::env::var_os("STEAD_ARTEFACTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/artefacts"),
        PathBuf::from,
    )
}

/// RFC 4648, section 4.
fn unbase64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u32> = text.bytes().filter_map(value).map(u32::from).collect();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let bits = group.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - group.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    bytes
}
