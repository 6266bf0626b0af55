//! A medium as one image file to be written to a stick, ext4 or FAT, by e2fsprogs or mtools.
//!
//! Leaves out partitions: the whole stick is one file system, which every system mounts.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use walkdir::WalkDir;

use crate::medium::error::Error;

/// Room for later additions, in bytes, beside a twentieth of the content.
const SPARE: u64 = 8 << 20;
/// What a file costs beyond its bytes: half a block of 4096 on average, an inode, a name.
const PER_FILE: u64 = 3072;
/// FAT32 needs 65,525 clusters; at mtools' 512 bytes each that is 33 MiB.
const LEAST_FAT: u64 = 40 << 20;

/// The image's file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Keeps modes; read by Linux only.
    #[default]
    Ext4,
    /// Read by everything.
    Fat,
}

impl Form {
    /// The program that makes it, and the Debian package that has it.
    fn tool(self) -> (&'static str, &'static str) {
        match self {
            Self::Ext4 => ("mke2fs", "e2fsprogs"),
            Self::Fat => ("mcopy", "mtools"),
        }
    }

    /// Refuses early where the tool is missing.
    pub fn ready(self) -> Result<(), Error> {
        let (tool, package) = self.tool();
        find(tool).map(drop).ok_or(Error::NoTool { tool, package })
    }
}

/// Says whether a path asks for an image.
pub fn is_wanted(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("img"))
}

/// Writes the folder into a new image; a file that is there is replaced once the new one is whole.
/// Returns its size in bytes.
pub fn write(folder: &Path, image: &Path, form: Form) -> Result<u64, Error> {
    let size = fitting(folder, form)?;
    let mut name = image.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let failed = |source| Error::Write { path: new.clone(), source };
    let file = File::create(&new).map_err(failed)?;
    file.set_len(size).map_err(failed)?;
    match form {
        Form::Ext4 => {
            let mut make = tool(form)?;
            make.args(["-q", "-F", "-t", "ext4", "-m", "0", "-L", "stead"]);
            // All is root's inside, and no journal: nothing is written in a hurry.
            make.args(["-O", "^has_journal", "-E", "root_owner=0:0"]);
            run(make.arg("-d").arg(folder).arg(&new))?;
        }
        Form::Fat => {
            let mut format = Command::new("mformat");
            let sectors = (size / 512).to_string();
            run(format.arg("-i").arg(&new).args(["-F", "-v", "STEAD", "-T", &sectors, "::"]))?;
            let mut copy = tool(form)?;
            copy.arg("-i").arg(&new).args(["-s", "-m", "-Q"]);
            for entry in fs::read_dir(folder).map_err(failed)? {
                copy.arg(entry.map_err(failed)?.path());
            }
            run(copy.arg("::"))?;
        }
    }
    file.sync_all().map_err(failed)?;
    fs::rename(&new, image).map_err(|source| Error::Write { path: image.to_owned(), source })?;
    Ok(size)
}

/// Reads an image back into a folder, without mounting it.
pub fn read(image: &Path, into: &Path) -> Result<(), Error> {
    match form_of(image)? {
        Form::Ext4 => {
            let debugfs =
                find("debugfs").ok_or(Error::NoTool { tool: "debugfs", package: "e2fsprogs" })?;
            // debugfs reads a request with quotes around names; ours has no quotes in it.
            let request = format!("rdump / \"{}\"", into.display());
            run(Command::new(debugfs).arg("-R").arg(request).arg(image))
        }
        Form::Fat => {
            let mut copy = tool(Form::Fat)?;
            run(copy.arg("-i").arg(image).args(["-s", "-m", "-n", "-Q", "::*"]).arg(into))
        }
    }
}

/// ext4 has its mark, 0xEF53, at byte 1080; a FAT boot sector ends in 0x55 0xAA.
fn form_of(image: &Path) -> Result<Form, Error> {
    use std::os::unix::fs::FileExt;
    let failed = |source| Error::Read { path: image.to_owned(), source };
    let file = File::open(image).map_err(failed)?;
    let mut start = [0; 1082];
    file.read_exact_at(&mut start, 0).map_err(failed)?;
    if start[1080..] == [0x53, 0xEF] {
        Ok(Form::Ext4)
    } else if start[510..512] == [0x55, 0xAA] {
        Ok(Form::Fat)
    } else {
        Err(Error::NoImage { path: image.to_owned() })
    }
}

/// How large an image must be for what the folder holds, in bytes: whole MiB.
fn fitting(folder: &Path, form: Form) -> Result<u64, Error> {
    let mut content = 0;
    for entry in WalkDir::new(folder) {
        let bytes = entry.and_then(|entry| entry.metadata()).map(|data| data.len() + PER_FILE);
        content += bytes.map_err(|error| Error::Read {
            path: error.path().unwrap_or(folder).to_owned(),
            source: error.into_io_error().unwrap_or_else(|| std::io::Error::other("a loop")),
        })?;
    }
    let least = if form == Form::Fat { LEAST_FAT } else { 0 };
    let size = (content + content / 20 + SPARE).max(least);
    Ok(size.next_multiple_of(1 << 20))
}

fn tool(form: Form) -> Result<Command, Error> {
    let (tool, package) = form.tool();
    find(tool).map(Command::new).ok_or(Error::NoTool { tool, package })
}

/// Finds a program, also in the folders that only root's path has.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

fn run(command: &mut Command) -> Result<(), Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| Error::Run { tool: name.clone(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = model::text::printable(said.trim(), 500);
    Err(Error::Tool { tool: name, status: output.status.to_string(), said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ending_in_img_asks_for_an_image() {
        assert!(is_wanted(Path::new("/tmp/workshop.img")) && is_wanted(Path::new("A.IMG")));
        assert!(!is_wanted(Path::new("/media/img")));
    }

    #[test]
    fn what_goes_into_an_ext4_image_comes_back() {
        if Form::Ext4.ready().is_err() || find("debugfs").is_none() {
            eprintln!("SKIPPED: e2fsprogs is not here");
            return;
        }
        let work = tempfile::tempdir().unwrap();
        let [from, back] = ["from here", "back"].map(|name| work.path().join(name));
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::create_dir(&back).unwrap();
        fs::write(from.join("a/b/c.deb"), vec![7; 300_000]).unwrap();
        let image = work.path().join("x.img");
        let size = write(&from, &image, Form::Ext4).unwrap();
        assert_eq!((size % (1 << 20), fs::metadata(&image).unwrap().len()), (0, size));
        read(&image, &back).unwrap();
        assert_eq!(fs::read(back.join("a/b/c.deb")).unwrap(), vec![7; 300_000]);
    }

    #[test]
    fn a_file_that_is_no_image_is_refused() {
        let work = tempfile::tempdir().unwrap();
        let path = work.path().join("x.img");
        fs::write(&path, [0; 4096]).unwrap();
        assert!(matches!(read(&path, work.path()), Err(Error::NoImage { .. })));
    }
}
