# noted LINE: whether this package has made it.
noted() {
	grep -qsxF -e "$1" -- "$made"
}
