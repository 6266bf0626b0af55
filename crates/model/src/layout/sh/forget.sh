# forget: ends the memory of what this package has made.
forget() {
	rm -f -- "$made"
	for folder in /var/lib/stead/made /var/lib/stead; do
		[ ! -d "$folder" ] || rmdir --ignore-fail-on-non-empty -- "$folder"
	done
}
