# Says something to whoever installs.
say() {
	printf '%s: %s\n' "$package" "$*" >&2
}
