# step USER HOME COMMAND: a step of the upgrade, as the service's user.
step() {
	if ! runuser -u "$1" -- env HOME="$2" sh -ec "cd /
$3"; then
		say "a step of the upgrade failed, so the service stays stopped: $3"
		say "mend it, then: dpkg --configure -a"
		return 1
	fi
}
