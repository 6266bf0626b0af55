# unit ACTION UNIT: asks systemd, if policy-rc.d allows. A unit that fails is told and stops
# nothing: dpkg's state says what is installed, and not what is healthy.
unit() {
	systemd_runs || return 0
	deb-systemd-invoke "$1" "$2" >/dev/null || say "systemctl $1 $2 failed; see: systemctl status $2"
}
