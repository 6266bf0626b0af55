# divert PATH: moves another package's file aside, to PATH.distrib.
divert() {
	dpkg-divert --quiet --package "$package" --add --rename --divert "$1.distrib" "$1"
}
