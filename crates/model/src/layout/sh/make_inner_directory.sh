# make_inner_directory PATH OWNER GROUP MODE: a directory inside one that OWNER may write to. Made
# as OWNER: what root does there, OWNER could lead elsewhere by a link.
make_inner_directory() {
	# shellcheck disable=SC2016
	if ! runuser -u "$2" -g "$3" -- sh -c \
		'cd / && umask 022 && { [ -d "$1" ] || mkdir -p -m "$2" -- "$1"; }' sh "$1" "$4"; then
		say "$2 cannot make $1: is what lies above it $2's?"
		return 1
	fi
}
