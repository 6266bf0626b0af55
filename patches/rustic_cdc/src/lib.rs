//! The rolling hash by which restic's format cuts files, in the place of the crate that
//! rustic_core takes it from: that one computes its tables anew for each file, which for small
//! files is most of a backup. Cuts at the same bytes; what rustic_core does not call is left out.
//!
//! Source: M. O. Rabin, "Fingerprinting by Random Polynomials" (1981), and restic's public
//! description of its chunker: a window of 64 bytes, read as a polynomial over F2, modulo an
//! irreducible polynomial that the repository's config names.

use std::sync::{Arc, Mutex, PoisonError};

/// A polynomial over F2: bit `i` is the coefficient of `x^i`.
pub type Polynom64 = u64;

/// What is asked of a polynomial.
pub trait Polynom {
    /// The exponent of its first term; -1 for zero.
    fn degree(&self) -> i32;

    /// The remainder of its division by another, which must not be zero.
    fn modulo(&self, by: &Self) -> Self;
}

impl Polynom for Polynom64 {
    fn degree(&self) -> i32 {
        63 - self.leading_zeros() as i32
    }

    fn modulo(&self, by: &Self) -> Self {
        let (mut rest, degree) = (*self, by.degree());
        while rest.degree() >= degree {
            rest ^= by << (rest.degree() - degree);
        }
        rest
    }
}

/// What is asked of a rolling hash.
pub trait RollingHash64 {
    /// Begins anew with the bytes given, at most a window of them; says how many they were.
    fn reset_and_prefill_window<I>(&mut self, bytes: &mut I) -> usize
    where
        I: Iterator<Item = u8>;

    /// Takes a byte in, and the oldest of the window out.
    fn slide(&mut self, byte: u8);
}

/// In bytes; the only one that the format knows.
const WINDOW: usize = 64;

/// What depends on the polynomial alone.
struct Tables {
    polynom: Polynom64,
    /// How far the byte that is taken modulo next is to the left.
    shift: u32,
    /// By a byte: what it amounts to once it is the oldest of the window.
    oldest: [Polynom64; 256],
    /// By the byte that no longer fits: what takes it away and adds its remainder.
    beyond: [Polynom64; 256],
}

impl Tables {
    fn new(polynom: Polynom64) -> Self {
        let degree = polynom.degree();
        assert!((8..=55).contains(&degree), "a polynomial of degree {degree} hashes no bytes");
        let of = |byte: usize| {
            let first = (byte as Polynom64).modulo(&polynom);
            (1..WINDOW).fold(first, |hash, _| (hash << 8).modulo(&polynom))
        };
        let over = |byte: usize| {
            let high = (byte as Polynom64) << degree;
            high ^ high.modulo(&polynom)
        };
        Self {
            polynom,
            shift: degree as u32 - 8,
            oldest: std::array::from_fn(of),
            beyond: std::array::from_fn(over),
        }
    }

    /// Those of a polynomial; of the last one they are kept, since a process has one repository
    /// or two.
    fn of(polynom: Polynom64) -> Arc<Self> {
        static LAST: Mutex<Option<Arc<Tables>>> = Mutex::new(None);
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(tables) if tables.polynom == polynom => tables.clone(),
            _ => last.insert(Arc::new(Self::new(polynom))).clone(),
        }
    }
}

/// Rabin's hash of the last 64 bytes.
#[derive(Clone)]
pub struct Rabin64 {
    tables: Arc<Tables>,
    window: [u8; WINDOW],
    next: usize,
    pub hash: Polynom64,
}

impl Rabin64 {
    /// `bits` is 6: the window's size as a power of two.
    #[must_use]
    pub fn new_with_polynom(bits: u32, polynom: &Polynom64) -> Self {
        assert_eq!(1 << bits, WINDOW, "the window of restic's format has 64 bytes");
        Self { tables: Tables::of(*polynom), window: [0; WINDOW], next: 0, hash: 0 }
    }

    fn append(&mut self, byte: u8) {
        let beyond = (self.hash >> self.tables.shift) as u8;
        self.hash =
            ((self.hash << 8) | Polynom64::from(byte)) ^ self.tables.beyond[usize::from(beyond)];
    }
}

impl RollingHash64 for Rabin64 {
    fn reset_and_prefill_window<I>(&mut self, bytes: &mut I) -> usize
    where
        I: Iterator<Item = u8>,
    {
        (self.window, self.next, self.hash) = ([0; WINDOW], 0, 0);
        let mut count = 0;
        for byte in bytes.take(WINDOW) {
            self.slide(byte);
            count += 1;
        }
        count
    }

    fn slide(&mut self, byte: u8) {
        let oldest = std::mem::replace(&mut self.window[self.next % WINDOW], byte);
        self.next = (self.next + 1) % WINDOW;
        self.hash ^= self.tables.oldest[usize::from(oldest)];
        self.append(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLYNOM: Polynom64 = 0x003d_a335_8b4d_c173;

    /// The hash by its definition: the window as one polynomial, modulo.
    fn defined(window: &[u8]) -> Polynom64 {
        window.iter().fold(0, |hash: Polynom64, byte| {
            ((hash << 8) ^ Polynom64::from(*byte)).modulo(&POLYNOM)
        })
    }

    #[test]
    fn sliding_gives_what_the_definition_says() {
        let bytes: Vec<u8> =
            (0..5000_u32).map(|i| (i.wrapping_mul(i * 7 + 3) >> 3) as u8).collect();
        let mut rabin = Rabin64::new_with_polynom(6, &POLYNOM);
        assert_eq!(rabin.reset_and_prefill_window(&mut bytes[..64].iter().copied()), 64);
        assert_eq!(rabin.hash, defined(&bytes[..64]));
        for end in 65..bytes.len() {
            rabin.slide(bytes[end - 1]);
            assert_eq!(rabin.hash, defined(&bytes[end - 64..end]), "{end}");
        }
        rabin.reset_and_prefill_window(&mut bytes[..10].iter().copied());
        assert_eq!(rabin.hash, defined(&bytes[..10]));
    }

    #[test]
    fn a_remainder_is_smaller_than_what_divides() {
        assert_eq!((0_u64.degree(), 1_u64.degree(), POLYNOM.degree()), (-1, 0, 53));
        assert_eq!(0b1011_u64.modulo(&0b11), 0b1);
        assert_eq!(5_u64.modulo(&POLYNOM), 5);
    }

    #[test]
    fn two_polynomials_have_tables_of_their_own() {
        let other = POLYNOM ^ 0b110;
        let (a, b) = (Rabin64::new_with_polynom(6, &POLYNOM), Rabin64::new_with_polynom(6, &other));
        assert_ne!(a.tables.polynom, b.tables.polynom);
        assert!(Arc::ptr_eq(&b.tables, &Rabin64::new_with_polynom(6, &other).tables));
    }
}
