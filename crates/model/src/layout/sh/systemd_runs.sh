# systemd_runs: not in a chroot, nor in most containers.
systemd_runs() {
	[ -d /run/systemd/system ]
}
