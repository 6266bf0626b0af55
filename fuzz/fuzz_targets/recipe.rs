//! Any bytes are a recipe or have faults that name a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::recipe::definition::Recipe;
use model::recipe::folder::Folder;
use model::recipe::lint::lint;

fuzz_target!(|bytes: &[u8]| {
    let mut folder = Folder::default();
    folder.files.insert("recipe.toml".to_owned(), bytes.to_vec());
    match Recipe::parse(&folder) {
        Ok(read) => drop(lint(&read, &folder)),
        Err(faults) => assert!(!faults.is_empty(), "refused without a reason"),
    }
});
