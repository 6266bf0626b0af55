//! One TLS handshake with a socket of this machine, to see its certificate.
//!
//! Leaves out trust: any certificate is accepted, nothing is sent after the handshake.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::facts::certificates::Certificate;
use model::text::printable;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
};

use crate::certificates::x509;

/// From the first packet to the last.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a socket showed no certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nothing listens there.
    Refused(String),
    /// What listens there does not speak TLS.
    NotTls,
    /// It speaks TLS and has nothing for this name.
    Declined(String),
    Other(String),
}

impl Silence {
    pub(super) fn reason(&self) -> String {
        match self {
            Self::NotTls => "what listens there does not speak TLS".to_owned(),
            Self::Refused(reason) | Self::Declined(reason) | Self::Other(reason) => reason.clone(),
        }
    }
}

/// Shakes hands and gives the leaf of the chain. Blocks for at most [`PATIENCE`].
pub(super) fn shake(address: SocketAddr, name: Option<&str>) -> Result<Certificate, Silence> {
    let leaf = Arc::new(Leaf::new());
    let result = converse(address, name, Arc::clone(&leaf) as Arc<dyn ServerCertVerifier>);
    // Some servers show their certificate and hang up later, wanting one from us.
    let shown = leaf.shown.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (shown, result) {
        (Some(der), _) => x509::from_der(&der).map_err(Silence::Other),
        (None, Err(silence)) => Err(silence),
        (None, Ok(())) => Err(Silence::Other("the handshake showed no certificate".to_owned())),
    }
}

fn converse(
    address: SocketAddr,
    name: Option<&str>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<(), Silence> {
    let other = |error: String| Silence::Other(printable(&error, 200));
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| other(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
    // An address as the name sends no name at all.
    let name = match name {
        Some(name) => ServerName::try_from(name.to_owned())
            .map_err(|_| other(format!("`{name}` is no DNS name")))?,
        None => ServerName::from(address.ip()),
    };
    let mut connection =
        ClientConnection::new(Arc::new(config), name).map_err(|error| other(error.to_string()))?;
    let mut line = Line::open(address).map_err(|error| classify(&error))?;
    while connection.is_handshaking() {
        match connection.complete_io(&mut line) {
            Ok((0, 0)) => return Err(other("the connection was closed".to_owned())),
            Ok(_) => {}
            Err(error) => return Err(classify(&error)),
        }
    }
    connection.send_close_notify();
    // A farewell that gets lost changes nothing.
    let _lost = connection.write_tls(&mut line);
    Ok(())
}

fn classify(error: &io::Error) -> Silence {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match (inner, error.kind()) {
        (Some(rustls::Error::InvalidMessage(_)), _) => Silence::NotTls,
        (Some(rustls::Error::AlertReceived(alert)), _)
            if matches!(
                alert,
                AlertDescription::UnrecognisedName
                    | AlertDescription::HandshakeFailure
                    | AlertDescription::AccessDenied
            ) =>
        {
            Silence::Declined(format!("the handshake was declined ({alert:?})"))
        }
        (Some(error), _) => Silence::Other(printable(&error.to_string(), 200)),
        (None, io::ErrorKind::ConnectionRefused) => {
            Silence::Refused("connection refused".to_owned())
        }
        (None, io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => {
            Silence::Other(format!("no answer in {PATIENCE:?}"))
        }
        (None, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
            Silence::Other("the connection was closed during the handshake".to_owned())
        }
        (None, _) => Silence::Other(printable(&error.to_string(), 200)),
    }
}

/// A connection that ends at one point in time, however slowly the other side drips.
struct Line {
    stream: TcpStream,
    until: Instant,
}

impl Line {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let until = Instant::now() + PATIENCE;
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        Ok(Self { stream, until })
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        match self.until.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Accepts every certificate and keeps the leaf. Nothing is ever sent over such a connection, so
/// that nothing can be lost by trusting the wrong side.
#[derive(Debug)]
struct Leaf {
    provider: CryptoProvider,
    shown: Mutex<Option<Vec<u8>>>,
}

impl Leaf {
    fn new() -> Self {
        Self { provider: rustls::crypto::ring::default_provider(), shown: Mutex::new(None) }
    }
}

impl ServerCertVerifier for Leaf {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(end_entity.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Answers one connection with these bytes and hangs up.
    fn answer(bytes: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a visitor");
            let mut hello = [0; 4096];
            let _read = stream.read(&mut hello);
            let _written = stream.write_all(bytes);
        });
        address
    }

    #[test]
    fn what_does_not_speak_tls_is_told_from_what_hangs_up() {
        let http = answer(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert_eq!(shake(http, None), Err(Silence::NotTls));
        let closes = shake(answer(b""), Some("a.example.org"));
        assert!(matches!(closes, Err(Silence::Other(_))), "{closes:?}");
    }

    #[test]
    fn nothing_listening_is_a_refusal() {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
        assert!(matches!(shake(free, None), Err(Silence::Refused(_))));
    }
}
