# end_processes USER: ends what still runs as a user that is about to go, on this root alone: a
# number of a chroot's user may be another one's outside.
end_processes() {
	systemd_runs || return 0
	root=$(stat -L -c %d:%i /)
	for signal in TERM TERM TERM KILL; do
		running=
		for process in /proc/[0-9]*; do
			[ "$(stat -c %U "$process" 2>/dev/null)" = "$1" ] || continue
			[ "$(stat -L -c %d:%i "$process/root/" 2>/dev/null)" = "$root" ] || continue
			kill -s "$signal" "${process#/proc/}" 2>/dev/null || continue
			running=yes
		done
		[ -n "$running" ] || return 0
		sleep 1
	done
}
