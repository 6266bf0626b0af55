# wake_cluster: waits for PostgreSQL, starts it if it rests. Without systemd (a chroot) it runs
# only as long as it is needed, on its local socket alone; rest_cluster ends it.
wake_cluster() {
	woken=
	cluster_answers && return 0
	if systemd_runs; then
		deb-systemd-invoke start postgresql.service >/dev/null 2>&1 || :
	elif command -v pg_lsclusters >/dev/null; then
		woken=$(pg_lsclusters --no-header | while read -r version name _; do
			echo "$version $name"
			break
		done)
		# shellcheck disable=SC2086
		[ -z "$woken" ] || pg_ctlcluster --skip-systemctl-redirect $woken start \
			-- -o '-c listen_addresses=' >/dev/null 2>&1 || :
	fi
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		cluster_answers && return 0
		sleep 1
	done
	return 1
}
