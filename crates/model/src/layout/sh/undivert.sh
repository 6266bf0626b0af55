# undivert PATH: moves it back.
undivert() {
	dpkg-divert --quiet --package "$package" --remove --rename --divert "$1.distrib" "$1"
}
