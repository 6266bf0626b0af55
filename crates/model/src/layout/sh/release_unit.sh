# release_unit UNIT: it runs again if it did when this package came, enabled or not.
release_unit() {
	noted "holds $1" || return 0
	sed -i "/^holds $1\$/d" "$made"
	if systemd_runs; then
		systemctl start "$1" || say "systemctl start $1 failed; see: systemctl status $1"
	fi
}
