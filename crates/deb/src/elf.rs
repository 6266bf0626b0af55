//! Whether a program or library is of the architecture that its package declares.
//!
//! Leaves out everything of an ELF file but its header and, for ARM, how floats are passed.

use object::elf::{
    self, EF_ARM_ABI_FLOAT_HARD, EF_ARM_ABI_FLOAT_SOFT, ELFCLASS64, FileHeader32, FileHeader64,
    PT_DYNAMIC, SHT_ARM_ATTRIBUTES,
};
use object::read::ReadRef;
use object::read::elf::{AttributesSection, Dyn, FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, LittleEndian};

/// Bytes that an ELF file begins with.
pub const MAGIC: &[u8; 4] = b"\x7fELF";

/// Of the ELF header, all that tells a machine apart; a 64-bit header has 64 bytes.
pub const HEADER: usize = 64;

/// How a 32-bit ARM file passes floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floats {
    /// In the registers of the floating-point unit, as armhf has it.
    Hard,
    /// In integer registers, as armel has it.
    Soft,
    /// The file does not say, and needs no library that would have to agree.
    Either,
    /// The file does not say, and needs libraries.
    Unsaid,
}

/// What an ELF file is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Machine {
    /// A Debian architecture's name.
    Debian(&'static str),
    /// 32-bit ARM, little-endian.
    Arm(Floats),
    /// BPF code, which the kernel runs on every machine.
    Bpf,
    /// Anything else, in words.
    Other(String),
    /// Begins as an ELF file, but is none that can be read.
    Broken,
}

impl Machine {
    /// Whether a package of this architecture may hold it.
    pub fn fits(&self, architecture: &str) -> bool {
        match (self, architecture) {
            (_, "all") => false,
            (Self::Bpf, _) => true,
            (Self::Arm(floats), "armhf") => matches!(floats, Floats::Hard | Floats::Either),
            (Self::Arm(floats), "armel") => matches!(floats, Floats::Soft | Floats::Either),
            (Self::Debian(name), _) => *name == architecture,
            _ => false,
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Debian(name) => write!(out, "for {name}"),
            Self::Arm(Floats::Hard) => write!(out, "for armhf"),
            Self::Arm(Floats::Soft) => write!(out, "for armel (soft floats)"),
            Self::Arm(Floats::Either) => write!(out, "for 32-bit ARM"),
            Self::Arm(Floats::Unsaid) => {
                write!(out, "for 32-bit ARM and does not say how it passes floats")
            }
            Self::Bpf => write!(out, "for the kernel's BPF"),
            Self::Other(machine) => write!(out, "for {machine}"),
            Self::Broken => write!(out, "an ELF file that cannot be read"),
        }
    }
}

/// Tells what an ELF file is for; `None` if it does not begin as one.
///
/// For 32-bit ARM the whole file is needed, else its first [`HEADER`] bytes are enough.
pub fn machine<'data, R: ReadRef<'data>>(data: R) -> Option<Machine> {
    let ident = data.read_bytes_at(0, 16).ok()?;
    if !ident.starts_with(MAGIC) {
        return None;
    }
    let wide = ident[4] == ELFCLASS64.0;
    Some(if wide {
        FileHeader64::<Endianness>::parse(data)
            .ok()
            .and_then(|header| {
                let endian = header.endian().ok()?;
                Some(named(header.e_machine(endian), true, header.is_little_endian()))
            })
            .unwrap_or(Machine::Broken)
    } else {
        FileHeader32::<Endianness>::parse(data)
            .ok()
            .and_then(|header| {
                let endian = header.endian().ok()?;
                let little = header.is_little_endian();
                Some(match header.e_machine(endian) {
                    elf::EM_ARM if little => Machine::Arm(floats(data)),
                    machine => named(machine, false, little),
                })
            })
            .unwrap_or(Machine::Broken)
    })
}

fn named(machine: elf::Machine, wide: bool, little: bool) -> Machine {
    Machine::Debian(match (machine, wide, little) {
        (elf::EM_X86_64, true, true) => "amd64",
        (elf::EM_386, false, true) => "i386",
        (elf::EM_AARCH64, true, true) => "arm64",
        (elf::EM_RISCV, true, true) => "riscv64",
        (elf::EM_PPC64, true, true) => "ppc64el",
        (elf::EM_S390, true, false) => "s390x",
        (elf::EM_LOONGARCH, true, true) => "loong64",
        (elf::EM_MIPS, true, true) => "mips64el",
        (elf::EM_MIPS, false, true) => "mipsel",
        (elf::EM_BPF, ..) => return Machine::Bpf,
        (other, ..) => {
            let bits = if wide { 64 } else { 32 };
            let order = if little { "little" } else { "big" };
            let text = format!("ELF machine {} ({bits} bits, {order}-endian)", other.0);
            return Machine::Other(text);
        }
    })
}

/// AAELF32 says it in the header's flags of programs and shared libraries; the build attributes
/// (Addenda to the ABI for the Arm Architecture, `Tag_ABI_VFP_args`) say it of older ones.
fn floats<'data, R: ReadRef<'data>>(data: R) -> Floats {
    let Ok(header) = FileHeader32::<LittleEndian>::parse(data) else { return Floats::Unsaid };
    let endian = LittleEndian;
    let flags = header.e_flags(endian).0;
    if flags & EF_ARM_ABI_FLOAT_HARD != 0 {
        return Floats::Hard;
    }
    if flags & EF_ARM_ABI_FLOAT_SOFT != 0 {
        return Floats::Soft;
    }
    match vfp_arguments(header, data) {
        Some(1) => return Floats::Hard,
        Some(3) => return Floats::Either,
        _ => {}
    }
    // An object file that passes no floats need not say; a static program (as Go makes them)
    // depends on nobody.
    if header.e_type(endian) == elf::ET_REL {
        return Floats::Either;
    }
    let Ok(segments) = header.program_headers(endian, data) else { return Floats::Unsaid };
    for segment in segments {
        if let Ok(Some(name)) = segment.interpreter(endian, data) {
            return if name.ends_with(b"ld-linux-armhf.so.3") {
                Floats::Hard
            } else {
                Floats::Soft
            };
        }
    }
    let needs = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == PT_DYNAMIC)
        .filter_map(|segment| segment.dynamic(endian, data).ok().flatten())
        .flatten()
        .any(|entry| entry.d_tag(endian) == elf::DT_NEEDED);
    if needs { Floats::Unsaid } else { Floats::Either }
}

/// The value of `Tag_ABI_VFP_args` of the whole file.
fn vfp_arguments<'data, R: ReadRef<'data>>(
    header: &FileHeader32<LittleEndian>,
    data: R,
) -> Option<u64> {
    const WHOLE_FILE: u8 = 1;
    let endian = LittleEndian;
    let sections = header.sections(endian, data).ok()?;
    let section = sections.iter().find(|section| section.sh_type(endian) == SHT_ARM_ATTRIBUTES)?;
    let bytes = section.data(endian, data).ok()?;
    let attributes = AttributesSection::<FileHeader32<LittleEndian>>::new(endian, bytes).ok()?;
    let mut subsections = attributes.subsections().ok()?;
    while let Ok(Some(subsection)) = subsections.next() {
        if subsection.vendor() != b"aeabi" {
            continue;
        }
        let mut parts = subsection.subsubsections();
        while let Ok(Some(part)) = parts.next() {
            if part.tag().0 != WHOLE_FILE {
                continue;
            }
            let mut reader = part.attributes();
            while let Ok(Some(tag)) = reader.read_tag() {
                match tag {
                    28 => return reader.read_integer().ok(),
                    // Strings: CPU names, and every odd tag from 33 on; 32 is a number and one.
                    4 | 5 => drop(reader.read_string().ok()?),
                    32 => {
                        reader.read_integer().ok()?;
                        reader.read_string().ok()?;
                    }
                    tag if tag > 32 && tag % 2 == 1 => drop(reader.read_string().ok()?),
                    _ => drop(reader.read_integer().ok()?),
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of an ELF file: class 1 (32 bits) or 2 (64), little-endian.
    fn header(class: u8, machine: u16, flags: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4..7].copy_from_slice(&[class, 1, 1]);
        bytes[16] = 2;
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[20] = 1;
        let at = if class == 1 { 36 } else { 48 };
        bytes[at..at + 4].copy_from_slice(&flags.to_le_bytes());
        bytes
    }

    #[test]
    fn a_file_belongs_to_its_architecture_alone() {
        let amd64 = machine(header(2, 62, 0).as_slice()).expect("ELF");
        assert_eq!(amd64, Machine::Debian("amd64"));
        assert!(amd64.fits("amd64") && !amd64.fits("arm64") && !amd64.fits("all"));
        assert_eq!(machine(header(2, 183, 0).as_slice()), Some(Machine::Debian("arm64")));
        assert_eq!(machine(&b"#!/bin/sh\nexit\n and more of it"[..]), None);
        assert_eq!(machine(&b"\x7fELF\x02\x01\x01 and then not"[..]), Some(Machine::Broken));
        // x32 is 32 bits on an x86-64 machine.
        assert!(!machine(header(1, 62, 0).as_slice()).expect("ELF").fits("amd64"));
    }

    #[test]
    fn armhf_and_armel_are_told_apart_by_their_floats() {
        let hard = machine(header(1, 40, 0x0500_0400).as_slice()).expect("ELF");
        let soft = machine(header(1, 40, 0x0500_0200).as_slice()).expect("ELF");
        let gone = machine(header(1, 40, 0x0500_0000).as_slice()).expect("ELF");
        assert!(hard.fits("armhf") && !hard.fits("armel"));
        assert!(soft.fits("armel") && !soft.fits("armhf"));
        // Static, as Go makes them: no library that would have to agree.
        assert!(gone.fits("armhf") && !gone.fits("arm64"));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(tail in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            let mut arm = header(1, 40, 0);
            arm.truncate(28);
            arm.extend(&tail);
            machine(arm.as_slice());
            machine(tail.as_slice());
        }
    }
}
