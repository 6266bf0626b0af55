# make_user NAME HOME COMMENT: a system user and its group, each only if there is none.
make_user() {
	note "uses user $1"
	if ! getent group "$1" >/dev/null; then
		note "made group $1"
		groupadd --system "$1"
	fi
	if ! getent passwd "$1" >/dev/null; then
		note "made user $1"
		useradd --system --gid "$1" --home-dir "$2" --no-create-home \
			--shell /usr/sbin/nologin --comment "$3" "$1"
	fi
}
