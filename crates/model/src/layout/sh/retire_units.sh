# retire_units UNIT…: these are this version's; those that an other version had besides end.
retire_units() {
	for old in $(sed -n 's/^unit //p' "$made" 2>/dev/null); do
		for one in "$@"; do
			[ "$one" != "$old" ] || continue 2
		done
		stop_unit "$old"
		deb-systemd-helper purge "$old" >/dev/null || say "$old stays enabled"
		grep -vxF -e "unit $old" "$made" >"$made.new" || :
		mv -f -- "$made.new" "$made"
	done
	for one in "$@"; do
		note "unit $one"
	done
}
