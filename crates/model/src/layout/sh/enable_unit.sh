# enable_unit UNIT: at the first installation; later as the admin has it.
enable_unit() {
	deb-systemd-helper unmask "$1" >/dev/null || say "$1 stays masked"
	if deb-systemd-helper --quiet was-enabled "$1"; then
		deb-systemd-helper enable "$1" >/dev/null || say "$1 could not be enabled"
	else
		deb-systemd-helper update-state "$1" >/dev/null || say "deb-systemd-helper lost $1"
	fi
}
