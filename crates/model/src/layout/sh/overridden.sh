# overridden PATH: whether an admin has set its owner and mode with dpkg-statoverride.
overridden() {
	dpkg-statoverride --list "$1" >/dev/null 2>&1
}
