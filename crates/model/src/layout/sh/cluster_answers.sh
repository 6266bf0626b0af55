# cluster_answers: whether PostgreSQL takes commands on its local socket.
cluster_answers() {
	getent passwd postgres >/dev/null && command -v psql >/dev/null &&
		as_postgres psql -XAtqc 'select 1' >/dev/null 2>&1
}
