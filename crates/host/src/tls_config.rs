//! Reads from the configuration of common services which files hold their certificates and keys.
//!
//! Leaves out everything else that stands there, and whether a block is in use: a line that is
//! not a comment counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use model::facts::files::{Unread, shown};

/// What services' configuration names.
#[derive(Debug, Default)]
pub(crate) struct TlsConfig {
    /// Each certificate file and the services that name it.
    pub(crate) certificates: BTreeMap<PathBuf, BTreeSet<&'static str>>,
    pub(crate) keys: BTreeSet<PathBuf>,
    pub(crate) unread: Vec<Unread>,
}

/// How a service's configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `ssl_certificate /path;`
    Nginx,
    /// `SSLCertificateFile /path`
    Apache,
    /// `smtpd_tls_cert_file = /path`
    Postfix,
    /// `ssl_cert = </path`
    Dovecot,
    /// `ssl_cert_file = '/path'`, if `ssl` is on
    Postgres,
    /// `bind :443 ssl crt /path`
    Haproxy,
}

/// Service, form, and where its files lie; `*` stands for every name there.
const PLACES: [(&str, Form, &str); 15] = [
    ("nginx", Form::Nginx, "/etc/nginx/nginx.conf"),
    ("nginx", Form::Nginx, "/etc/nginx/conf.d/*"),
    ("nginx", Form::Nginx, "/etc/nginx/sites-enabled/*"),
    ("apache2", Form::Apache, "/etc/apache2/apache2.conf"),
    ("apache2", Form::Apache, "/etc/apache2/conf-enabled/*"),
    ("apache2", Form::Apache, "/etc/apache2/mods-enabled/*"),
    ("apache2", Form::Apache, "/etc/apache2/sites-enabled/*"),
    ("postfix", Form::Postfix, "/etc/postfix/main.cf"),
    ("dovecot", Form::Dovecot, "/etc/dovecot/dovecot.conf"),
    ("dovecot", Form::Dovecot, "/etc/dovecot/local.conf"),
    ("dovecot", Form::Dovecot, "/etc/dovecot/conf.d/*"),
    ("postgresql", Form::Postgres, "/etc/postgresql/*/*/postgresql.conf"),
    ("postgresql", Form::Postgres, "/etc/postgresql/*/*/conf.d/*"),
    ("haproxy", Form::Haproxy, "/etc/haproxy/haproxy.cfg"),
    ("haproxy", Form::Haproxy, "/etc/haproxy/conf.d/*"),
];

/// At most so many files for one pattern, and so many bytes of each.
const MOST_FILES: usize = 500;
const MOST_BYTES: u64 = 1 << 20;

impl TlsConfig {
    pub(crate) fn read() -> Self {
        Self::read_below(Path::new("/"))
    }

    fn read_below(root: &Path) -> Self {
        let mut all = Self::default();
        for (service, form, pattern) in PLACES {
            let mut paths = Vec::new();
            expand(root, pattern.trim_start_matches('/'), &mut paths, &mut all.unread);
            for path in paths {
                match text(&path) {
                    Ok(Some(text)) => all.add(service, form, &text, &path),
                    Ok(None) => {}
                    Err(error) => all.unread.push(unread(&path, &error)),
                }
            }
        }
        all.unread.sort();
        all.unread.dedup();
        all
    }

    fn add(&mut self, service: &'static str, form: Form, text: &str, file: &Path) {
        for (kind, path) in named(form, text) {
            // Relative paths: nginx and Apache take them from their own folder.
            let path = file.parent().filter(|_| !path.starts_with('/')).map_or_else(
                || PathBuf::from(&path),
                |folder| match form {
                    Form::Nginx => Path::new("/etc/nginx").join(&path),
                    Form::Apache => Path::new("/etc/apache2").join(&path),
                    _ => folder.join(&path),
                },
            );
            match kind {
                Kind::Certificate => {
                    self.certificates.entry(path).or_default().insert(service);
                }
                Kind::Key => {
                    self.keys.insert(path);
                }
            }
        }
    }
}

fn unread(path: &Path, error: &std::io::Error) -> Unread {
    Unread { path: shown(&path.to_string_lossy()), reason: error.to_string() }
}

/// The files that a pattern stands for, sorted; folders that exist and cannot be listed are noted.
pub(crate) fn expand(
    folder: &Path,
    pattern: &str,
    paths: &mut Vec<PathBuf>,
    blind: &mut Vec<Unread>,
) {
    let (part, rest) = match pattern.split_once('/') {
        Some((part, rest)) => (part, Some(rest)),
        None => (pattern, None),
    };
    let mut here = Vec::new();
    if part == "*" {
        match fs::read_dir(folder) {
            Ok(entries) => {
                here.extend(entries.flatten().map(|entry| entry.path()).take(MOST_FILES))
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => blind.push(unread(folder, &error)),
        }
        here.sort();
    } else {
        here.push(folder.join(part));
    }
    for path in here {
        match rest {
            Some(rest) => expand(&path, rest, paths, blind),
            None if paths.len() < MOST_FILES => paths.push(path),
            None => return,
        }
    }
}

/// The text of a regular file, cut at [`MOST_BYTES`]; `None` if there is none.
fn text(path: &Path) -> std::io::Result<Option<String>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Ok(None),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Certificate,
    Key,
}

/// What a configuration's text names, in its order.
fn named(form: Form, text: &str) -> Vec<(Kind, String)> {
    let mut found = Vec::new();
    let mut ssl_off = false;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('#') || line.len() > 8192 {
            continue;
        }
        match form {
            Form::Nginx => {
                // Several directives may share a line.
                for directive in line.split([';', '{', '}']) {
                    words(
                        directive,
                        &[
                            ("ssl_certificate", Kind::Certificate),
                            ("ssl_certificate_key", Kind::Key),
                        ],
                        &mut found,
                    );
                }
            }
            Form::Apache => words(
                line,
                &[("sslcertificatefile", Kind::Certificate), ("sslcertificatekeyfile", Kind::Key)],
                &mut found,
            ),
            Form::Postfix => {
                let keys = [
                    ("smtpd_tls_cert_file", Kind::Certificate),
                    ("smtpd_tls_key_file", Kind::Key),
                    ("smtpd_tls_chain_files", Kind::Certificate),
                ];
                setting(line, &keys, &mut found);
            }
            Form::Dovecot => {
                setting(
                    line,
                    &[("ssl_cert", Kind::Certificate), ("ssl_key", Kind::Key)],
                    &mut found,
                );
            }
            Form::Postgres => {
                let line = line.split(" #").next().unwrap_or_default().split("\t#").next();
                let line = line.unwrap_or_default();
                if let Some((key, value)) = line.split_once('=')
                    && key.trim() == "ssl"
                {
                    let value = value.trim().trim_matches('\'').to_ascii_lowercase();
                    ssl_off = matches!(value.as_str(), "off" | "false" | "no" | "0");
                }
                let keys = [("ssl_cert_file", Kind::Certificate), ("ssl_key_file", Kind::Key)];
                setting(line, &keys, &mut found);
            }
            Form::Haproxy => {
                let mut parts = line.split_ascii_whitespace();
                if parts.next() == Some("bind") {
                    while let Some(part) = parts.next() {
                        if part == "crt"
                            && let Some(path) = parts.next()
                        {
                            keep(Kind::Certificate, path, &mut found);
                        }
                    }
                }
            }
        }
    }
    if ssl_off {
        found.clear();
    }
    found
}

/// `name value`, the name in any case.
fn words(line: &str, names: &[(&str, Kind)], found: &mut Vec<(Kind, String)>) {
    let mut parts = line.split_ascii_whitespace();
    let (Some(name), Some(value)) = (parts.next(), parts.next()) else { return };
    if let Some((_, kind)) = names.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        keep(*kind, value, found);
    }
}

/// `name = value[, value]`.
fn setting(line: &str, names: &[(&str, Kind)], found: &mut Vec<(Kind, String)>) {
    let Some((name, values)) = line.split_once('=') else { return };
    if let Some((_, kind)) = names.iter().find(|(known, _)| *known == name.trim()) {
        for value in values.split(',') {
            keep(*kind, value.trim().trim_start_matches('<'), found);
        }
    }
}

/// Variables, data in place of a file, and PKCS#11 addresses are no paths.
fn keep(kind: Kind, value: &str, found: &mut Vec<(Kind, String)>) {
    let path = value.trim().trim_matches(['"', '\'']);
    let no_path = path.is_empty()
        || path == "none"
        || path.contains(['$', '\0'])
        || path.split_once(':').is_some_and(|(scheme, _)| !scheme.contains('/'));
    if !no_path {
        found.push((kind, path.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(form: Form, text: &str) -> Vec<(Kind, String)> {
        named(form, text)
    }

    #[test]
    fn each_form_names_its_files() {
        let cert = |path: &str| (Kind::Certificate, path.to_owned());
        let key = |path: &str| (Kind::Key, path.to_owned());
        assert_eq!(
            paths(
                Form::Nginx,
                "server { ssl_certificate /a.pem; ssl_certificate_key \"/a.key\"; }\n\
                 # ssl_certificate /no.pem;\nssl_certificate $dir/x.pem;\n\
                 ssl_certificate data:$x;\nssl_certificate_key engine:pkcs11:1;\n"
            ),
            [cert("/a.pem"), key("/a.key")]
        );
        assert_eq!(paths(Form::Apache, "\tsslCertificateFile  /b.pem\n"), [cert("/b.pem")]);
        assert_eq!(
            paths(Form::Postfix, "smtpd_tls_cert_file=/c.pem\nsmtpd_tls_key_file = none\n"),
            [cert("/c.pem")]
        );
        assert_eq!(
            paths(Form::Dovecot, "ssl_cert = </d.pem\nssl_key=</d.key"),
            [cert("/d.pem"), key("/d.key")]
        );
        assert_eq!(
            paths(Form::Postgres, "ssl = on\nssl_cert_file = '/e.pem'\t# change\n"),
            [cert("/e.pem")]
        );
        assert_eq!(paths(Form::Postgres, "ssl = off # x\nssl_cert_file = '/e.pem'\n"), []);
        assert_eq!(paths(Form::Haproxy, "  bind :443 ssl crt /f.pem alpn h2"), [cert("/f.pem")]);
    }

    #[test]
    fn hostile_text_names_nothing() {
        let long = "ssl_certificate ".repeat(100_000);
        for form in [Form::Nginx, Form::Apache, Form::Postfix, Form::Postgres, Form::Haproxy] {
            assert_eq!(paths(form, &long), []);
            assert_eq!(paths(form, "\u{0}\u{fffd}=\n=\n;;;{{{\nbind crt"), []);
        }
    }

    #[test]
    fn files_are_found_by_pattern_below_a_root() {
        let root = tempfile::tempdir().expect("a folder");
        let sites = root.path().join("etc/nginx/sites-enabled");
        fs::create_dir_all(&sites).expect("made");
        fs::write(sites.join("a"), "ssl_certificate certs/a.pem;").expect("written");
        std::os::unix::fs::symlink("/nowhere", sites.join("b")).expect("linked");
        let config = TlsConfig::read_below(root.path());
        let found: Vec<_> = config.certificates.keys().collect();
        assert_eq!(found, [Path::new("/etc/nginx/certs/a.pem")]);
        assert!(config.unread.is_empty(), "{:?}", config.unread);
    }
}
