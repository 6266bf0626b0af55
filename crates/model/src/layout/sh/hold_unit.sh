# hold_unit UNIT: another package's unit rests; if it ran, that is remembered.
hold_unit() {
	systemd_runs || return 0
	! systemctl --quiet is-active "$1" || note "holds $1"
	stop_unit "$1"
}
