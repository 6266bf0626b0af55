# give_conffile OWNER GROUP PATH: a conffile goes to its owner as long as it is root's, as it was
# unpacked; an admin's later choice stays.
give_conffile() {
	if overridden "$3" || [ ! -f "$3" ] || [ -L "$3" ]; then
		return 0
	fi
	[ "$(stat -c %u:%g -- "$3")" != 0:0 ] || chown -- "$1:$2" "$3"
}
