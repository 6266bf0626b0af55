//! Reads a certificate (RFC 5280) from DER or PEM.

use std::net::IpAddr;

use jiff::Timestamp;
use model::facts::certificates::Certificate;
use model::text::printable;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;

/// The longest subject, issuer or name that is kept, in characters.
const LONGEST: usize = 200;
/// So many names of one certificate are kept.
const MOST_NAMES: usize = 100;

/// Reads the first certificate of a file, PEM or DER; the error is a reason for a person.
pub(super) fn from_file(bytes: &[u8]) -> Result<Certificate, String> {
    for block in Pem::iter_from_buffer(bytes) {
        match block {
            Ok(pem) if matches!(pem.label.as_str(), "CERTIFICATE" | "TRUSTED CERTIFICATE") => {
                return from_der(&pem.contents);
            }
            Ok(_) => {}
            Err(_) => return Err("it is not well-formed PEM".to_owned()),
        }
    }
    from_der(bytes).map_err(|_| "it holds no certificate".to_owned())
}

/// Reads a certificate; the error is a reason for a person.
pub(super) fn from_der(der: &[u8]) -> Result<Certificate, String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(der).map_err(|error| {
        format!("it is no certificate: {}", printable(&error.to_string(), LONGEST))
    })?;
    let time = |time: x509_parser::time::ASN1Time| {
        Timestamp::from_second(time.timestamp()).unwrap_or(if time.timestamp() < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
    };
    let mut names: Vec<String> = match parsed.subject_alternative_name() {
        Ok(Some(extension)) => {
            extension.value.general_names.iter().filter_map(name).take(MOST_NAMES).collect()
        }
        _ => Vec::new(),
    };
    names.sort();
    names.dedup();
    let digest = ring::digest::digest(&ring::digest::SHA256, der);
    Ok(Certificate {
        subject: printable(&parsed.subject().to_string(), LONGEST),
        issuer: printable(&parsed.issuer().to_string(), LONGEST),
        names,
        not_before: time(parsed.validity().not_before),
        not_after: time(parsed.validity().not_after),
        fingerprint: digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(printable(name, LONGEST)),
        GeneralName::IPAddress(bytes) => {
            let address = <[u8; 4]>::try_from(*bytes)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
pub(super) const SNAKEOIL: &str = include_str!("x509/localhost.pem");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pem_file_is_read_as_openssl_reads_it() {
        let found = from_file(SNAKEOIL.as_bytes()).expect("a certificate");
        assert_eq!((found.subject.as_str(), found.self_issued()), ("CN=localhost", true));
        assert_eq!(found.names, ["127.0.0.1", "a.example.org", "localhost"]);
        assert_eq!(found.not_before.to_string(), "2026-11-20T19:54:35Z");
        assert_eq!(found.not_after.to_string(), "2036-11-17T19:54:35Z");
        assert_eq!(
            found.fingerprint,
            "fa1afa6dac8ef1b7b88667206930cd686b9cbf9656ac016cd0a7ed778d1f6adf"
        );
    }

    #[test]
    fn a_key_before_the_certificate_is_passed_over() {
        let text =
            format!("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n{SNAKEOIL}");
        assert!(from_file(text.as_bytes()).is_ok());
    }

    #[test]
    fn hostile_files_are_refused_with_a_reason() {
        let cut = &SNAKEOIL[..SNAKEOIL.len() / 2];
        for bytes in [
            &b""[..],
            b"\xff\xfe\0\0",
            b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            cut.as_bytes(),
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert!(from_file(bytes).is_err());
        }
        let long = vec![b'A'; 1 << 20];
        assert!(from_file(&long).is_err());
    }
}
