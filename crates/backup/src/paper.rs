//! The paper form of a key: one page of plain text that anybody can type in again.
//!
//! Leaves out keys that were not made here, which are any line of text.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::password::Password;

/// Digits of a password, all of them hexadecimal.
const DIGITS: usize = 64;
/// Digits of the key on a line.
const LINE: usize = 16;
/// Digits of a line's sum.
const SUM: usize = 4;
/// How many lines there are.
pub const LINES: usize = DIGITS / LINE;

/// What is wrong with what was typed. No variant holds any of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    #[error("line {line} has {found} letters and digits, not {}", LINE + SUM)]
    Length { line: usize, found: usize },
    #[error("line {line} has a letter that none of them has: only 0–9 and a–f stand there")]
    Letter { line: usize },
    #[error("line {line} was mistyped: its last group, the sum, does not fit the others")]
    Mistyped { line: usize },
    #[error("{found} lines of the key were given, not {LINES}")]
    Lines { found: usize },
    #[error("this key was not made by stead: it is no 64 hexadecimal digits")]
    Foreign,
}

/// The page of a service's key: at most 60 lines of at most 78 characters.
/// `places` are its repositories, as restic names them.
///
/// # Errors
/// If the key is not of the usual form.
pub fn page(
    service: &str,
    password: &Password,
    places: &[String],
    at: Timestamp,
) -> Result<String, Error> {
    let digits = password.reveal();
    if digits.len() != DIGITS || !digits.bytes().all(is_digit) {
        return Err(Error::Foreign);
    }
    let mut lines = String::new();
    for (number, line) in digits.as_bytes().chunks(LINE).enumerate() {
        let line = String::from_utf8_lossy(line);
        let groups: Vec<&str> = (0..LINE / 4).map(|at| &line[at * 4..at * 4 + 4]).collect();
        lines.push_str(&format!(
            "    {}   {}   {}\n",
            number + 1,
            groups.join(" "),
            sum(number + 1, &line)
        ));
    }
    let shown: String = places.iter().take(8).map(|place| format!("    {place}\n")).collect();
    Ok(format!(
        "THE KEY OF THE BACKUPS OF {title}\n\
         printed {date}, fingerprint {fingerprint}\n\
         \n\
         Who holds this page and reaches a repository can read all that was saved.\n\
         Who loses it, and has no other way to the key, can read nothing.\n\
         Keep it where you keep a passport; burn it when the key is no longer used.\n\
         \n\
         {lines}\
         \n\
         A line is its number, four groups of the key, and a sum that finds a typing\n\
         mistake. The key itself is the 64 digits of the four lines, without numbers,\n\
         sums and blanks.\n\
         \n\
         The repositories:\n\
         \n\
         {shown}\
         \n\
         WITH STEAD\n\
         \n\
             stead backup keys read-paper {service}\n\
         \n\
         asks for the four lines and finds the line that was mistyped.\n\
         \n\
         WITHOUT STEAD\n\
         \n\
         Any restic since 0.12 reads the repositories; Debian has it as `restic`.\n\
         It asks for the password, which is the key:\n\
         \n\
             restic -r REPOSITORY snapshots\n\
             restic -r REPOSITORY restore latest --target /mnt/restored\n\
         \n\
         Below /mnt/restored is every file at its place, and in\n\
         var/lib/stead/backup/staging/{service} the database's dump and the manifest.\n\
         \x20   PostgreSQL:  pg_restore --create --dbname postgres database.dump\n\
         \x20   SQLite:      the file is the database\n",
        title = service.to_uppercase(),
        date = at.strftime("%Y-%m-%d"),
        fingerprint = password.fingerprint(),
    ))
}

/// Reads one typed line. Blanks, dashes, capitals and the line's number do not matter, and what
/// looks alike is taken for the digit.
///
/// # Errors
/// What is wrong with it.
pub fn line(number: usize, typed: &str) -> Result<String, Error> {
    let mut digits: Vec<char> = typed
        .chars()
        .filter(|c| c.is_alphanumeric())
        .map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'l' | 'i' => '1',
            's' => '5',
            other => other,
        })
        .collect();
    if digits.len() == LINE + SUM + 1 && digits[0].to_digit(10) == u32::try_from(number).ok() {
        digits.remove(0);
    }
    if digits.len() != LINE + SUM {
        return Err(Error::Length { line: number, found: digits.len() });
    }
    if !digits.iter().all(char::is_ascii_hexdigit) {
        return Err(Error::Letter { line: number });
    }
    let text: String = digits.into_iter().collect();
    let (key, found) = text.split_at(LINE);
    if sum(number, key) == found {
        Ok(key.to_owned())
    } else {
        Err(Error::Mistyped { line: number })
    }
}

/// Reads the key from a text that holds its lines, among others perhaps: the whole page will do.
///
/// # Errors
/// What is wrong with the first line that is.
pub fn read(text: &str) -> Result<Password, Error> {
    let own: Vec<&str> = text.lines().filter(|line| looks_like(line)).collect();
    if own.len() != LINES {
        return Err(Error::Lines { found: own.len() });
    }
    let lines = own.into_iter().enumerate().map(|(at, typed)| line(at + 1, typed));
    Ok(Password::new(&lines.collect::<Result<String, Error>>()?))
}

/// Whether a line is one of the key's, mistyped perhaps.
fn looks_like(line: &str) -> bool {
    let groups: Vec<&str> = line.split(|c: char| c.is_whitespace() || c == '-').collect();
    let groups: Vec<&&str> = groups.iter().filter(|group| !group.is_empty()).collect();
    let count: usize = groups.iter().map(|group| group.chars().count()).sum();
    let plain = groups.iter().all(|group| group.chars().all(char::is_alphanumeric));
    let digits = line.chars().filter(char::is_ascii_digit).count();
    plain && digits >= 2 && (LINE + SUM - 2..=LINE + SUM + 3).contains(&count)
}

/// The sum of a line: the first four digits of SHA-256 over its number and its digits, so that
/// lines that changed places are found, too.
fn sum(number: usize, digits: &str) -> String {
    let hash = Sha256::digest(format!("stead paper 1\n{number}\n{digits}\n").as_bytes());
    hash[..2].iter().map(|byte| format!("{byte:02x}")).collect()
}

const fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made(password: &Password) -> String {
        let places = ["/mnt/backup/chat".to_owned(), "sftp:b@box:stead/chat".to_owned()];
        page("chat", password, &places, Timestamp::UNIX_EPOCH).expect("a page")
    }

    fn typed(page: &str) -> Vec<String> {
        let own = page.lines().filter(|line| looks_like(line));
        own.map(str::to_owned).collect()
    }

    #[test]
    fn the_page_is_one_page_and_reads_back() {
        let password = Password::generate().expect("bytes");
        let page = made(&password);
        assert!(page.lines().count() <= 60, "{page}");
        assert!(page.lines().all(|line| line.chars().count() <= 78), "{page}");
        assert_eq!(typed(&page).len(), LINES, "{page}");
        assert_eq!(read(&page).expect("read"), password);
        let capitals = page.to_uppercase().replace('0', "O");
        assert_eq!(read(&capitals.replace(' ', "  ")).expect("read"), password);
    }

    #[test]
    fn two_lines_that_changed_places_are_found() {
        let password = Password::new(&"0123456789abcdef".repeat(4));
        let lines = typed(&made(&password));
        let plain = |line: &str| line.trim_start()[1..].to_owned();
        let swapped = [&lines[1], &lines[0], &lines[2], &lines[3]].map(|line| plain(line));
        assert_eq!(read(&swapped.join("\n")), Err(Error::Mistyped { line: 1 }));
        assert_eq!(read(&lines[..3].join("\n")), Err(Error::Lines { found: 3 }));
        assert!(matches!(line(2, "12"), Err(Error::Length { line: 2, found: 2 })));
        assert!(page("a", &Password::new("x"), &[], Timestamp::UNIX_EPOCH) == Err(Error::Foreign));
    }

    proptest! {
        #[test]
        fn any_mistyped_digit_is_found_in_its_line(which in 0usize..4, at in 0usize..20, to in 0u32..16) {
            let password = Password::new(&"89abcdef01234567".repeat(4));
            let lines = typed(&made(&password));
            let mut digits: Vec<char> =
                lines[which].chars().filter(|c| c.is_alphanumeric()).skip(1).collect();
            let to = char::from_digit(to, 16).expect("a digit");
            prop_assume!(digits[at] != to);
            digits[at] = to;
            let mistyped: String = digits.into_iter().collect();
            // One in 65536 would fit by chance; of these there is none.
            prop_assert_eq!(line(which + 1, &mistyped), Err(Error::Mistyped { line: which + 1 }));
        }
    }
}
