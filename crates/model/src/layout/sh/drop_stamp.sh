# drop_stamp TIMER: when a timer with Persistent=yes has last run.
drop_stamp() {
	rm -f -- "/var/lib/systemd/timers/stamp-$1"
}
