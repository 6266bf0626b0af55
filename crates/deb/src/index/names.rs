//! Package names as small numbers: a hash table over the index's own text.
//!
//! Leaves out what the names stand for.

/// The number of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub(crate) u32);

/// A piece of a text, at most 4 GiB into it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    pub start: u32,
    pub length: u32,
}

impl Span {
    pub fn of(self, text: &str) -> &str {
        &text[self.start as usize..][..self.length as usize]
    }
}

/// Names in the order in which they were met, found again by open addressing.
#[derive(Debug, Default)]
pub struct Names {
    spans: Vec<Span>,
    /// A power of two of them, half full at most.
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The number of a name plus one, 0 for an empty slot.
    number: u32,
    /// The name's whole hash: most other names are told apart without a look at the text.
    hash: u32,
}

impl Names {
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn get(&self, name: Name) -> Span {
        self.spans[name.0 as usize]
    }

    /// Makes room for so many more names.
    pub fn reserve(&mut self, text: &str, more: usize) {
        self.spans.reserve(more);
        self.grow(text, self.spans.len() + more);
    }

    /// The number of a name that was met; `text` is what the spans point into.
    pub fn find(&self, text: &str, name: &str) -> Option<Name> {
        if self.slots.is_empty() {
            return None;
        }
        let found = self.slots[self.slot(text, name, hash(name))].number;
        (found != 0).then(|| Name(found - 1))
    }

    /// As [`Self::find`], and a name that is met for the first time gets the next number.
    pub fn meet(&mut self, text: &str, span: Span) -> Name {
        self.grow(text, self.spans.len() + 1);
        let name = span.of(text);
        let hash = hash(name);
        let slot = self.slot(text, name, hash);
        if self.slots[slot].number == 0 {
            self.spans.push(span);
            let number = u32::try_from(self.spans.len()).expect("names fit in 4 GiB");
            self.slots[slot] = Slot { number, hash };
        }
        Name(self.slots[slot].number - 1)
    }

    /// The slot that holds the name, or the empty one where it would go.
    fn slot(&self, text: &str, name: &str, hash: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            let same = || self.spans[slot.number as usize - 1].of(text) == name;
            if slot.number == 0 || slot.hash == hash && same() {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    /// Makes slots enough for so many names.
    fn grow(&mut self, text: &str, names: usize) {
        if self.slots.len() >= 2 * names {
            return;
        }
        let size = (2 * names).next_power_of_two().max(1 << 12);
        self.slots = vec![Slot::default(); size];
        for (number, span) in (1..).zip(&self.spans) {
            let hash = hash(span.of(text));
            let mut at = hash as usize & (size - 1);
            while self.slots[at].number != 0 {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = Slot { number, hash };
        }
    }
}

/// FNV-1a, folded: names are short, and nobody gains by making them collide in an index whose
/// publisher is trusted anyway.
fn hash(name: &str) -> u32 {
    let wide = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (wide ^ (wide >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_while_the_table_grows() {
        let words: Vec<String> = (0..20_000).map(|number| format!("lib{number}")).collect();
        let text = words.join(" ");
        let mut names = Names::default();
        let mut start = 0;
        for (number, word) in (0..).zip(&words) {
            let length = u32::try_from(word.len()).expect("short");
            assert_eq!(names.meet(&text, Span { start, length }), Name(number));
            start += length + 1;
        }
        assert_eq!(names.len(), words.len());
        assert_eq!(names.find(&text, "lib777"), Some(Name(777)));
        assert_eq!(names.find(&text, "lib"), None);
    }
}
