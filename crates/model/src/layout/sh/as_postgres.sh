# as_postgres COMMAND…: as PostgreSQL's own user, from a folder that it may read.
as_postgres() {
	runuser -u postgres -- sh -c 'cd / && exec "$@"' sh "$@"
}
