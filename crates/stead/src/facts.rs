//! `stead facts`.

use host::observer::Observer;

use crate::cli::FactsArguments;

pub async fn run(arguments: &FactsArguments) -> anyhow::Result<u8> {
    let mut observer = Observer::default();
    let facts = observer.observe(None, &|step| eprintln!("observing: {step}")).await;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&facts)?);
    } else {
        for (key, value) in facts.lines() {
            println!("{key} = {value}");
        }
    }
    Ok(0)
}
