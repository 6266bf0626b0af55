# want_secret PATH GROUP: a secret that somebody has to bring.
want_secret() {
	if [ -s "$1" ]; then
		chown -- "root:$2" "$1"
		chmod -- 0640 "$1"
	else
		say "a secret is missing: put it into $1 (mode 0640, root:$2)"
	fi
}
