# drop_database NAME OWNER: what make_database made. A PostgreSQL that is gone or silent stops no
# purge.
drop_database() {
	noted "made database $1" || noted "made role $2" || return 0
	if [ ! -d /var/lib/postgresql ]; then
		return 0
	elif ! wake_cluster; then
		say "PostgreSQL does not answer: the database $1 and the role $2 stay"
		say "to drop them: runuser -u postgres -- dropdb $1; runuser -u postgres -- dropuser $2"
		return 0
	fi
	if noted "made database $1"; then
		as_postgres dropdb --if-exists --force "$1" || say "the database $1 stays: dropdb failed"
	fi
	if noted "made role $2"; then
		as_postgres dropuser --if-exists "$2" || say "the role $2 stays: dropuser failed"
	fi
	rest_cluster
}
