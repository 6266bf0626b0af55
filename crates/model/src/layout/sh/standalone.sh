fail() {
	say "$*"
	exit 1
}

sum() {
	sha256sum <"$1" | cut -d ' ' -f 1
}

# as_dpkg SCRIPT ARGUMENT…: what dpkg would call, in a shell of its own.
as_dpkg() {
	sh "$self" as-dpkg "$@"
}

# as_installed SCRIPT ARGUMENT…: the same of the version that is installed.
as_installed() {
	sh "$state/script" as-dpkg "$@"
}

need_root() {
	[ "$(id -u)" = 0 ] || fail "this needs root: sudo sh $0 $1"
}

need_debian() {
	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		fail "this is for Debian and what is made of it: there is no dpkg or no apt-get"
	fi
	if [ "$architecture" != all ] && [ "$(dpkg --print-architecture)" != "$architecture" ]; then
		fail "this is for $architecture, and not for $(dpkg --print-architecture)"
	fi
	case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || :)" in
	'' | not-installed) ;;
	*) fail "dpkg has a package $package: upgrade, remove or purge it with apt" ;;
	esac
}

need_packages() {
	[ -n "$depends" ] || return 0
	DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes satisfy "$depends" ||
		fail "apt-get does not bring: $depends"
}

# no_clash PATH: a file of another package is never overwritten.
no_clash() {
	if { [ -e "$1" ] || [ -L "$1" ]; } && ! grep -qsxF -e "$1" "$state/files" &&
		dpkg-query --search "$1" >/dev/null 2>&1; then
		fail "$1 belongs to another package: $(dpkg-query --search "$1" | head -n 1)"
	fi
}

# make_folders PATH: the folders above it; those that are new are remembered.
make_folders() {
	if [ -z "${1%/*}" ] || [ -d "${1%/*}" ]; then
		return 0
	fi
	make_folders "${1%/*}"
	mkdir -m 0755 -- "${1%/*}"
	printf '%s\n' "${1%/*}" >>"$state/folders"
}

# file PATH MODE: a file with the text that comes.
file() {
	if [ "$pass" = check ]; then
		no_clash "$1"
		return 0
	fi
	make_folders "$1"
	(umask 077 && cat >"$1.dpkg-new")
	chmod -- "$2" "$1.dpkg-new"
	mv -f -T -- "$1.dpkg-new" "$1"
	printf '%s\n' "$1" >>"$state/files.new"
}

# symlink PATH TARGET
symlink() {
	if [ "$pass" = check ]; then
		no_clash "$1"
		return 0
	fi
	make_folders "$1"
	rm -f -- "$1.dpkg-new"
	ln -s -- "$2" "$1.dpkg-new"
	mv -f -T -- "$1.dpkg-new" "$1"
	printf '%s\n' "$1" >>"$state/files.new"
}

# folder PATH MODE: one that nothing lies in yet.
folder() {
	if [ "$pass" = put ] && [ ! -d "$1" ]; then
		make_folders "$1/."
		chmod -- "$2" "$1"
	fi
}

# conffile PATH MODE: a file that people edit, with the text that comes. What was edited or deleted
# stays so; a new text that would go over it is put beside it.
conffile() {
	[ "$pass" = put ] || return 0
	make_folders "$1"
	(umask 077 && cat >"$1.dpkg-new")
	chmod -- "$2" "$1.dpkg-new"
	new=$(sum "$1.dpkg-new")
	touch "$state/conffiles"
	old=$(while read -r it path; do
		[ "$path" != "$1" ] || printf '%s' "$it"
	done <"$state/conffiles")
	there=
	if [ -f "$1" ]; then
		there=$(sum "$1")
		chown --reference="$1" -- "$1.dpkg-new"
		chmod --reference="$1" -- "$1.dpkg-new"
	fi
	if [ -z "$there" ] && [ -z "$old" ]; then
		mv -f -T -- "$1.dpkg-new" "$1"
	elif [ -z "$there" ]; then
		say "$1 was deleted and stays so"
		rm -f -- "$1.dpkg-new"
	elif [ "$there" = "$new" ] || [ "$old" = "$new" ]; then
		rm -f -- "$1.dpkg-new"
	elif [ "$there" = "$old" ]; then
		mv -f -T -- "$1.dpkg-new" "$1"
	else
		mv -f -T -- "$1.dpkg-new" "$1.dpkg-dist"
		say "$1 was edited and stays; the new text is in $1.dpkg-dist"
	fi
	while read -r it path; do
		[ "$path" = "$1" ] || printf '%s  %s\n' "$it" "$path"
	done <"$state/conffiles" >"$state/conffiles.new"
	printf '%s  %s\n' "$new" "$1" >>"$state/conffiles.new"
	mv -f -- "$state/conffiles.new" "$state/conffiles"
}

# archive: the tar.gz at the end of this script.
archive() {
	sed '1,/^__ARCHIVE__$/d' "$self" | base64 --decode
}

# unpack_archive CONFFILE…: all that is in it but these.
unpack_archive() {
	archive | tar --list --gzip --quoting-style=literal --file - | sed -n 's|^\./|/|p' | grep -v '/$' |
		while read -r path; do
			for one in "$@"; do
				[ "$path" != "$one" ] || continue 2
			done
			if [ "$pass" = check ]; then
				no_clash "$path"
			else
				make_folders "$path"
				printf '%s\n' "$path" >>"$state/files.new"
			fi
		done || exit 1
	[ "$pass" = put ] || return 0
	for one in "$@"; do
		shift
		set -- "$@" "--exclude=.$one"
	done
	archive | tar --extract --gzip --file - --directory / --unlink-first \
		--same-permissions --no-same-owner --anchored --no-wildcards "$@"
}

# unpack_conffile PATH MODE: a conffile that is in the archive.
unpack_conffile() {
	if [ "$pass" = put ]; then
		archive | tar --extract --gzip --file - --to-stdout ".$1" | conffile "$1" "$2"
	fi
}

# drop_files LIST: files, and then the folders that were made for them and are empty now. The
# folder of a conffile stays as long as that may.
drop_files() {
	while read -r path; do
		rm -f -- "$path"
	done <"$1"
	[ -f "$state/folders" ] || return 0
	sort -r -u "$state/folders" >"$state/folders.old"
	rm -f -- "$state/folders"
	while read -r path; do
		[ -d "$path" ] || continue
		if grep -qsF -e "  $path/" "$state/conffiles" || ! rmdir -- "$path" 2>/dev/null; then
			printf '%s\n' "$path" >>"$state/folders"
		fi
	done <"$state/folders.old"
	rm -f -- "$state/folders.old"
}

# abort [VERSION]: back to what is installed, or to nothing.
abort() {
	if [ -s "$state/files" ]; then
		as_dpkg postrm abort-upgrade "$1"
		as_installed postinst abort-upgrade "$version"
	else
		as_dpkg postrm abort-install
		[ -f "$state/script" ] || forget_state
	fi
	exit 1
}

install() {
	need_root install
	need_debian
	need_packages
	configured=$(cat "$state/configured" 2>/dev/null || :)
	mkdir -p -- "$state"
	if [ -s "$state/files" ]; then
		as_installed prerm upgrade "$version" || as_dpkg prerm failed-upgrade "$configured"
		as_dpkg preinst upgrade "$configured" || abort "$configured"
	else
		as_dpkg preinst install ${configured:+"$configured"} || abort
	fi
	pass=check
	(unpack) || abort "$configured"
	: >"$state/files.new"
	pass=put
	unpack
	sort -u -o "$state/files.new" "$state/files.new"
	if [ -s "$state/files" ]; then
		comm -2 -3 "$state/files" "$state/files.new" >"$state/files.old"
		mv -f -- "$state/files.new" "$state/files"
		drop_files "$state/files.old"
		rm -f -- "$state/files.old"
	else
		mv -f -- "$state/files.new" "$state/files"
	fi
	sed '/^__ARCHIVE__$/q' "$self" >"$state/script.new"
	mv -f -- "$state/script.new" "$state/script"
	as_dpkg postinst configure "$configured"
	printf '%s\n' "$version" >"$state/configured"
	say "$version is installed"
}

remove() {
	need_root remove
	if [ ! -s "$state/files" ]; then
		say "it is not installed"
		return 0
	fi
	as_installed prerm remove
	drop_files "$state/files"
	: >"$state/files"
	as_installed postrm remove
	say "it is removed; its configuration and data stay until: sh $0 purge"
}

forget_state() {
	rm -rf -- "$state"
	for folder in /var/lib/stead/script /var/lib/stead; do
		[ ! -d "$folder" ] || rmdir --ignore-fail-on-non-empty -- "$folder"
	done
}

purge() {
	need_root purge
	if [ ! -f "$state/script" ]; then
		say "nothing of it is here"
		return 0
	fi
	[ ! -s "$state/files" ] || remove
	if [ -f "$state/conffiles" ]; then
		while read -r _ path; do
			rm -f -- "$path" "$path.dpkg-new" "$path.dpkg-dist" "$path.dpkg-old"
		done <"$state/conffiles"
		rm -f -- "$state/conffiles"
	fi
	as_installed postrm purge
	drop_files /dev/null
	forget_state
	say "nothing of it is left"
}

status() {
	if [ -s "$state/files" ]; then
		printf '%s %s is installed\n' "$package" "$(cat "$state/configured" 2>/dev/null || echo 'in part')"
	elif [ -f "$state/script" ]; then
		printf '%s is removed, not purged\n' "$package"
		return 0
	else
		printf '%s is not installed\n' "$package"
		return 0
	fi
	for unit in $units; do
		state_of=unknown
		! systemd_runs || state_of=$(systemctl is-active "$unit" || :)
		printf '  %s: %s\n' "$unit" "$state_of"
	done
	[ -f "$state/conffiles" ] || return 0
	while read -r old path; do
		if [ ! -f "$path" ]; then
			printf '  %s: deleted\n' "$path"
		elif [ "$(sum "$path")" != "$old" ]; then
			printf '  %s: edited\n' "$path"
		fi
	done <"$state/conffiles"
}

case "${1:-}" in
as-dpkg)
	shift
	script=$1
	shift
	# deb-systemd-helper works for maintainer scripts alone.
	export DPKG_MAINTSCRIPT_PACKAGE="$package" DPKG_MAINTSCRIPT_NAME="$script"
	"maintainer_$script" "$@"
	;;
install | upgrade) install ;;
remove) remove ;;
purge) purge ;;
status) status ;;
*)
	printf 'usage: sh %s install | upgrade | remove | purge | status\n' "$0" >&2
	exit 2
	;;
esac
