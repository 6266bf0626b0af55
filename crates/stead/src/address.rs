//! Where the stead is and who we are, from arguments and environment.

use model::host_name::HostName;
use model::member_name::MemberName;
use node::home::Address;

use crate::cli::Cli;

pub fn of(cli: &Cli) -> Address {
    let machine = rustix::system::uname();
    let account = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    Address {
        plan: cli.dir.clone(),
        state: cli.state.clone(),
        host: HostName::nearest(&machine.nodename().to_string_lossy()),
        member: MemberName::nearest(account.as_deref().unwrap_or("root")),
    }
}
