# reload_units: systemd reads the unit files again.
reload_units() {
	if systemd_runs; then
		systemctl --system daemon-reload || say "systemctl daemon-reload failed"
	fi
}
