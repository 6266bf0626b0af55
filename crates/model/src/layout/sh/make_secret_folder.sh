# make_secret_folder PATH GROUP: where secrets lie: the group reads, root alone writes.
make_secret_folder() {
	[ -d "$1" ] || mkdir -p -- "$1"
	chown -- "root:$2" "$1"
	chmod -- 0750 "$1"
}
