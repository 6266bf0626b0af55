# make_directory PATH OWNER GROUP MODE: a directory, if there is nothing; one that is there, or a
# link to one, stays as the admin has it.
make_directory() {
	if [ -e "$1" ] || [ -L "$1" ]; then
		return 0
	fi
	if override=$(dpkg-statoverride --list "$1"); then
		IFS=' ' read -r owner group mode rest <<-END
			$override
		END
		set -- "$1" "$owner" "$group" "$mode" "$rest"
	fi
	mkdir -p -- "${1%/*}"
	# It gets its name last, so that one half made is never taken for whole.
	rm -rf -- "$1.dpkg-new"
	mkdir -m 0700 -- "$1.dpkg-new"
	chown -- "$2:$3" "$1.dpkg-new"
	chmod -- "$4" "$1.dpkg-new"
	mv -T -- "$1.dpkg-new" "$1"
}
