//! Everything of a watching node at once: the watcher, the local socket, the page.
//!
//! Leaves out signals and the terminal.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::answer::Answer;
use jiff::Timestamp;
use model::text::with_causes;
use tokio::net::{TcpListener, UnixListener};
use web::Doors;

use crate::answers::{Answers, Latest, Process};
use crate::error::Error;
use crate::home::Home;
use crate::packages::Shelf;
use crate::socket;
use crate::watcher::{Event, Watcher};

/// A node that is ready to be run.
pub struct Service {
    answers: Arc<Answers>,
    socket: UnixListener,
    socket_path: PathBuf,
    page: Option<(TcpListener, Doors)>,
    shelf: Option<Shelf>,
    period: Duration,
}

impl Service {
    /// Takes the local socket and, if asked for, the page's port: the wanted one, or any free one
    /// when that is taken.
    ///
    /// Only the process that holds the watch's lock may call this.
    ///
    /// # Errors
    /// If the page would be reachable from other machines, or nothing can be listened on.
    pub async fn open(
        home: &Arc<Home>,
        latest: Latest,
        page: Option<SocketAddr>,
        period: Duration,
        version: &'static str,
    ) -> Result<Self, Error> {
        let page = match page {
            Some(address) => {
                let listener = listen(address).await?;
                let address =
                    listener.local_addr().map_err(|source| Error::Page { address, source })?;
                Some((listener, Doors::new(address, Some(home.state.scrape_token()?))))
            }
            None => None,
        };
        let socket_path = home.state.socket();
        let socket = socket::bind(&socket_path)?;
        let process = Process {
            version,
            began: Timestamp::now(),
            period_seconds: period.as_secs(),
            url: page.as_ref().map(|(_, doors)| doors.url()),
        };
        let links = page.as_ref().map(|(_, doors)| {
            let doors = doors.clone();
            let links: crate::answers::Links =
                Arc::new(move || doors.link().map_err(|error| with_causes(&error)));
            links
        });
        let answers = Arc::new(Answers::new(Arc::clone(home), latest, process, links));
        Ok(Self { answers, socket, socket_path, page, shelf: None, period })
    }

    /// Serves packages too.
    pub fn with_packages(mut self, shelf: Option<Shelf>) -> Self {
        self.shelf = shelf;
        self
    }

    /// A URL that opens the page once; `None` when no page is served.
    ///
    /// # Errors
    /// If the kernel gives no random bytes.
    pub fn link(&self) -> Result<Option<String>, Error> {
        let link = self.page.as_ref().map(|(_, doors)| doors.link());
        link.transpose().map_err(|source| Error::Link { source })
    }

    /// Watches and answers until `end` is ready; `tell` hears what a person may want to know.
    pub async fn run(self, watcher: Watcher, tell: impl Fn(Event), end: impl Future<Output = ()>) {
        let Self { answers, socket, socket_path, page, shelf, period } = self;
        let asked: Arc<dyn Answer> = answers.clone();
        let pages = async {
            match page {
                Some((listener, doors)) => web::serve(listener, Arc::clone(&asked), doors).await,
                None => std::future::pending().await,
            }
        };
        let packages = async {
            match shelf {
                Some(shelf) => shelf.serve().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = end => {}
            () = packages => {}
            () = watcher.watch(period, Arc::clone(&answers), tell) => {}
            () = socket::serve(socket, Arc::clone(&asked)) => {}
            () = pages => {}
        }
        // The next process clears it away as well; this is for tidiness.
        let _ = std::fs::remove_file(socket_path);
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    if !address.ip().is_loopback() {
        return Err(Error::Public { address });
    }
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let free = SocketAddr::new(address.ip(), 0);
            TcpListener::bind(free).await.map_err(|source| Error::Page { address: free, source })
        }
        Err(source) => Err(Error::Page { address, source }),
    }
}

/// The page's usual address.
pub const PAGE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7833);
