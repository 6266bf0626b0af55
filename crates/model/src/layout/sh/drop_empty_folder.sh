# drop_empty_folder PATH: unless something is in it.
drop_empty_folder() {
	[ ! -d "$1" ] || rmdir --ignore-fail-on-non-empty -- "$1" || say "$1 stays"
}
