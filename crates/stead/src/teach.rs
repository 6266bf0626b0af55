//! Completions, the manual page, and the way out of errors a user can mend.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::output;

pub fn completions(shell: Shell) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "stead", &mut script);
    output::print(&String::from_utf8(script)?)?;
    Ok(0)
}

/// One page with every command in it.
pub fn man() -> anyhow::Result<u8> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    let mut waiting: Vec<clap::Command> = command.get_subcommands().cloned().collect();
    waiting.reverse();
    while let Some(command) = waiting.pop() {
        let name = command.get_bin_name().unwrap_or(command.get_name()).to_uppercase();
        page.extend(format!(".SH \"{name}\"\n").bytes());
        let mut about = Vec::new();
        let man = clap_mangen::Man::new(command.clone());
        man.render_synopsis_section(&mut about)?;
        man.render_description_section(&mut about)?;
        if command.get_arguments().next().is_some() {
            man.render_options_section(&mut about)?;
        }
        let about = String::from_utf8(about)?;
        for line in about.lines() {
            let line = line
                .strip_prefix(".SH ")
                .map_or_else(|| line.to_owned(), |title| format!(".SS {title}"));
            page.extend(line.bytes());
            page.push(b'\n');
        }
        waiting.extend(command.get_subcommands().cloned().collect::<Vec<_>>().into_iter().rev());
    }
    output::print(&String::from_utf8(page)?)?;
    Ok(0)
}

/// What a user can do about an error, where there is something.
pub fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        cause
            .downcast_ref::<node::error::Error>()
            .map(node::error::Error::hint)
            .or_else(|| cause.downcast_ref().map(commons::error::Error::hint))
            .or_else(|| cause.downcast_ref().map(deb::recipe_folder::Error::hint))
            .or_else(|| cause.downcast_ref().map(deb::build::Error::hint))
            .or_else(|| cause.downcast_ref().map(deb::whence::Error::hint))
            .or_else(|| cause.downcast_ref().map(deb::repository::Error::hint))
            .or_else(|| cause.downcast_ref().map(deb::medium::error::Error::hint))
            .or_else(|| cause.downcast_ref().map(::backup::error::Error::hint))
            .or_else(|| cause.downcast_ref().map(::backup::key_file::Error::hint))
            .or_else(|| cause.downcast_ref().map(::backup::keys::Error::hint))
            .or_else(|| cause.downcast_ref().map(::backup::exchange::Error::hint))
            .or_else(|| cause.downcast_ref().map(::backup::credentials::Error::hint))
            .or_else(|| cause.downcast_ref().map(host::error::Error::hint))
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_mended_carries_its_hint_through_the_layers() {
        let key = || commons::error::Error::OpenKey { path: "/k".into(), mode: 0o644 };
        for error in [anyhow::Error::new(key()), node::error::Error::from(key()).into()] {
            assert!(hint(&error).is_some_and(|hint| hint.starts_with("`chmod 600 /k`")), "{error}");
        }
        assert_eq!(hint(&anyhow::anyhow!("x")), None);
    }
}
