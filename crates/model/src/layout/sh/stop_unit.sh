# stop_unit UNIT: and what its KillMode= would spare.
stop_unit() {
	systemd_runs || return 0
	unit stop "$1"
	systemctl --quiet is-active "$1" || systemctl kill --signal=KILL "$1" 2>/dev/null || :
}
