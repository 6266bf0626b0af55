# note LINE: remembers in $made what this package has made, so that purge removes that and no more.
note() {
	mkdir -p -- "${made%/*}"
	grep -qsxF -e "$1" -- "$made" || printf '%s\n' "$1" >>"$made"
}
