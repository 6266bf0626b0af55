# undivert_others PATH…: moves back what an other version of this package had moved aside.
undivert_others() {
	LC_ALL=C dpkg-divert --list | sed -n "s|^diversion of \\(/.*\\) to \\1\\.distrib by $package\$|\\1|p" |
		while read -r diverted; do
			for path in "$@"; do
				[ "$path" != "$diverted" ] || continue 2
			done
			undivert "$diverted"
		done
}
