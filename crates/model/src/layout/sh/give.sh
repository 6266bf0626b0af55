# give OWNER GROUP MODE PATH: an installed file goes to its owner, unless dpkg-statoverride says
# otherwise.
give() {
	if overridden "$4" || [ ! -e "$4" ]; then
		return 0
	fi
	chown -h -- "$1:$2" "$4"
	chmod -- "$3" "$4"
}
