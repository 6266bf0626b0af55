# make_secret PATH GROUP: 32 random bytes in hexadecimal, made once and kept.
make_secret() {
	[ ! -s "$1" ] || return 0
	rm -f -- "$1.dpkg-new"
	(umask 077 && head -c 32 /dev/urandom | od -A n -v -t x1 | tr -d ' \n' >"$1.dpkg-new")
	if [ "$(wc -c <"$1.dpkg-new")" -ne 64 ]; then
		rm -f -- "$1.dpkg-new"
		say "/dev/urandom gave no secret for $1"
		return 1
	fi
	chown -- "root:$2" "$1.dpkg-new"
	chmod -- 0640 "$1.dpkg-new"
	mv -f -- "$1.dpkg-new" "$1"
}
