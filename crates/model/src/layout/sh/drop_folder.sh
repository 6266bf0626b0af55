# drop_folder PATH: with all that is in it, but no file system that is mounted inside.
drop_folder() {
	if [ -L "$1" ]; then
		say "$1 was a link to $(readlink -- "$1"), which stays"
	fi
	rm -rf --one-file-system -- "$1" || say "something stays in $1"
}
