# undivert_new PATH: moves it back if the version that stays does not take its place.
undivert_new() {
	dpkg-query --listfiles "$package" 2>/dev/null | grep -qxF -e "$1" || undivert "$1"
}
