# make_database NAME OWNER LOCALE EXTENSION…: a PostgreSQL role and database, each only if there
# is none. The role has no password: it comes over the local socket as the user of its name.
make_database() {
	if ! wake_cluster; then
		say "PostgreSQL does not answer, so the database $1 cannot be made"
		say "start it (systemctl start postgresql), then: dpkg --configure -a"
		return 1
	fi
	if [ -z "$(as_postgres psql -XAtqc "select 1 from pg_roles where rolname = '$2'")" ]; then
		note "made role $2"
		as_postgres createuser --no-superuser --no-createdb --no-createrole "$2"
	fi
	if [ -z "$(as_postgres psql -XAtqc "select 1 from pg_database where datname = '$1'")" ]; then
		note "made database $1"
		as_postgres createdb --owner="$2" --encoding=UTF8 --locale="$3" --template=template0 "$1"
	fi
	database=$1
	shift 3
	for extension in "$@"; do
		as_postgres psql -XAtq --dbname="$database" \
			-c "set client_min_messages = warning; create extension if not exists \"$extension\""
	done
	rest_cluster
}
