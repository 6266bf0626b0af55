# know_unit UNIT: it stays disabled, unless an admin has enabled it.
know_unit() {
	if deb-systemd-helper debian-installed "$1"; then
		deb-systemd-helper unmask "$1" >/dev/null || say "$1 stays masked"
		if deb-systemd-helper --quiet was-enabled "$1"; then
			deb-systemd-helper enable "$1" >/dev/null || say "$1 could not be enabled"
		fi
	fi
	deb-systemd-helper update-state "$1" >/dev/null || say "deb-systemd-helper lost $1"
}
