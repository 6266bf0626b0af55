# rest_cluster: ends a PostgreSQL that wake_cluster started beside systemd.
rest_cluster() {
	# shellcheck disable=SC2086
	[ -z "$woken" ] || pg_ctlcluster --skip-systemctl-redirect $woken stop >/dev/null 2>&1 || :
	woken=
}
