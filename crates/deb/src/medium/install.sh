#!/bin/sh
# Installs services from this medium on a Debian machine. No network is needed.
#
# This is the same script on every medium, meant to be read before it is run. It uses what a bare
# Debian has: a shell, coreutils, sed, dpkg, apt, and the gpgv or sqv that apt itself uses.
#
# What it does, in this order:
#   1. checks the signature of SHA256SUMS and every small file that is listed there;
#   2. says so and stops if the medium has nothing for this machine;
#   3. sets the clock forward to the medium's date if it is behind (never backward);
#   4. lets apt install, with the medium as its only source: apt checks the index by its signature
#      and every package by the index. The machine's own sources are neither used nor changed;
#   5. says what is installed now.
# It can be run again at any time: what is installed already is left as it is.
#
# What it cannot do: notice that it was itself exchanged for another script, or that all of the
# medium was, with another key. Who must know runs `stead medium verify` on a machine they trust,
# or gives the sum of the key with --key; it was shown when the medium was made.

set -eu
export LC_ALL=C
umask 022

usage() {
	cat <<'END'
Usage: sh install [OPTION]... [SERVICE]...

Installs stead and the services named, or all services of this medium.

  --list           show what the medium has for this machine, and end
  --dry-run        check everything, show what apt would do, and install nothing
  --key SHA256     go on only if this is the SHA-256 of the medium's key
  --without-stead  install the services alone
  --no-clock       leave a clock that is behind as it is
  --yes            do not ask
  --help           show this text
END
}

say() { printf '%s\n' "$*"; }
fail() {
	printf 'error: %s\n' "$1" >&2
	shift
	for hint; do printf 'hint: %s\n' "$hint" >&2; done
	exit 1
}

# ── The command line ──────────────────────────────────────────────────────────────────────────
list='' dry='' key='' own=yes clock=yes yes='' wanted=''
while [ $# -gt 0 ]; do
	case $1 in
	--list) list=yes ;;
	--dry-run) dry=yes ;;
	--key)
		[ $# -gt 1 ] || { usage >&2; exit 2; }
		key=$2
		shift
		;;
	--without-stead) own='' ;;
	--no-clock) clock='' ;;
	--yes | -y) yes=yes ;;
	--help | -h) usage; exit 0 ;;
	-* | '' | *[!a-z0-9.+-]*) usage >&2; exit 2 ;;
	*) wanted="$wanted $1" ;;
	esac
	shift
done

# ── The medium: the folder of this script ─────────────────────────────────────────────────────
here=$(cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
cd -- "$here"
for file in SHA256SUMS SHA256SUMS.sig key.gpg medium.list debian; do
	[ -e "$file" ] || fail "'$here' is no whole medium: there is no '$file'" \
		'run it by its path: sh /media/.../install'
done
work=$(mktemp -d "${TMPDIR:-/tmp}/stead-medium.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# apt takes its sources by a path without spaces, whatever the medium's own path is.
ln -s -- "$here" "$work/medium"

# ── 1. Is it whole? ───────────────────────────────────────────────────────────────────────────
if [ -n "$key" ]; then
	found=$(sha256sum <key.gpg)
	[ "${found%% *}" = "$key" ] || fail "the medium's key is another: its SHA-256 is ${found%% *}" \
		'somebody exchanged the medium, or the sum was copied wrongly; install nothing from it'
fi

# The signature bears an old date on purpose, so that it holds whatever this machine's clock says;
# the true date is in the signed text.
signed() {
	if command -v gpgv >/dev/null; then
		gpgv --quiet --ignore-time-conflict --keyring "$work/medium/key.gpg" \
			SHA256SUMS.sig SHA256SUMS >"$work/gpgv" 2>&1
	elif command -v sqv >/dev/null; then
		sqv --keyring "$work/medium/key.gpg" SHA256SUMS.sig SHA256SUMS >"$work/gpgv" 2>&1
	else
		fail 'neither gpgv nor sqv is here, so that no signature can be checked' \
			'every Debian with apt has one of them'
	fi
}

if ! signed; then
	sed 's/^/  /' "$work/gpgv" >&2
	fail "the signature of '$here/SHA256SUMS' is not good" \
		'the medium is damaged or was changed; install nothing from it'
fi

# Names the files, of those listed on stdin, that are not what they were; exits 0 if there are any.
changed() {
	sha256sum -c - 2>/dev/null | sed -n 's/: FAILED.*$//p' >"$work/changed"
	[ -s "$work/changed" ]
}
refuse() {
	while read -r file; do
		printf 'error: %s is not the file that was signed\n' "'$here/$file'" >&2
	done <"$work/changed"
	fail 'the medium is damaged or was changed; nothing was installed from it' \
		"'stead medium make' on the machine that made it mends it"
}
grep -q '  medium\.list$' SHA256SUMS || fail "'$here/SHA256SUMS' does not list medium.list"
if grep -v '  debian/pool/' SHA256SUMS | changed; then refuse; fi

# ── 2. Does it have something for this machine? ───────────────────────────────────────────────
architecture=$(dpkg --print-architecture)
words=$(sed -n 's/^date [0-9]* //p' medium.list)
release=$(. /etc/os-release && printf %s "${VERSION_CODENAME:-}")
system=$(. /etc/os-release && printf %s "${ID:-}")
offers=$(sed -n 's/^offer \([a-z]*\) \([a-z0-9]*\) .*/\1 on \2/p' medium.list)
everything=$(printf %s "$offers" | tr '\n' ',' | sed 's/,/, /g')
offer=$(sed -n "s/^offer $release $architecture //p" medium.list)

case $architecture:$(uname -m) in
armhf:armv6*)
	fail "this machine's processor is ARMv6 (a Raspberry Pi 1 or Zero), and Debian's armhf is for ARMv7 and later" \
		"its programs would end with 'Illegal instruction'; nothing was installed"
	;;
esac
[ -n "$offer" ] || fail "the medium has nothing for Debian ${release:-of unknown release} on $architecture" \
	"it has: $everything" \
	"'stead medium make' with --release and --for makes one that fits"
case $system in
debian) ;;
raspbian)
	say 'warning: this is Raspbian. The packages are of Debian and need ARMv7: this machine runs them,'
	say '         its card in a Raspberry Pi 1 or Zero would not.'
	;;
*) fail "this is '${system:-unknown}', and the packages are of Debian $release" ;;
esac

has() { case " $offer " in *" $1 "*) ;; *) return 1 ;; esac }
services=''
for name in $offer; do
	[ "$name" = stead ] || services="$services $name"
done
if [ -n "$list" ]; then
	say "For Debian $release on $architecture, made $words:"
	for name in $offer; do say "  $name"; done
	exit 0
fi
for name in $wanted; do
	has "$name" || fail "the medium has no service '$name' for Debian $release on $architecture" \
		"it has: ${offer}"
done
packages=${wanted:-$services}
if [ -n "$own" ]; then
	if has stead; then
		case " $packages " in *' stead '*) ;; *) packages="stead $packages" ;; esac
	else
		say "note: the medium has no stead for $architecture; the services do without it."
	fi
fi
[ -n "${packages# }" ] || fail 'there is nothing to install'

[ -n "$dry" ] || [ "$(id -u)" = 0 ] || fail 'this must be done as root' "sudo sh '$here/install'"
say "From '$here', made $words, for Debian $release on $architecture:"
for name in $packages; do say "  $name"; done
if [ -z "$yes$dry" ]; then
	[ -t 0 ] || fail 'nobody is here to be asked' 'add --yes'
	printf 'Install them? [y/N] '
	read -r answer
	case $answer in y | Y | yes) ;; *) say 'Nothing was done.'; exit 1 ;; esac
fi

# ── 3. The clock ──────────────────────────────────────────────────────────────────────────────
# A machine without a battery wakes in the past, where apt finds every signature "not valid yet".
date=$(sed -n 's/^date \([0-9][0-9]*\) .*/\1/p' medium.list)
before=$(date +%s)
behind=''
if [ "$before" -lt "$date" ]; then
	if [ -n "$clock" ] && [ -z "$dry" ] && date -u -s "@$date" >/dev/null 2>&1 &&
		[ "$(date +%s)" -ge "$date" ]; then
		say "The clock was behind, at $(date -u -d "@$before" '+%Y-%m-%d %H:%M') UTC; it was set to $words."
		# systemd-timesyncd takes this file's date at boot for the least that it can be.
		[ ! -e /var/lib/systemd/timesync/clock ] || touch /var/lib/systemd/timesync/clock
	else
		behind=yes
		say "note: the clock is behind, at $(date -u -d "@$before" '+%Y-%m-%d %H:%M') UTC, and was not set;"
		say '      apt is told not to compare dates.'
	fi
fi

# ── 4. apt, with the medium as its only source ────────────────────────────────────────────────
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts"
printf 'deb [signed-by=%s] file:%s %s main\n' \
	"$work/medium/key.gpg" "$work/medium/debian" "$release" >"$work/sources.list"

# Options on the command line stand over all that the machine's own apt.conf says.
# A stick mounted for one user can be read by root but not by apt's own user.
# A file of a service that was edited on this machine is kept.
medium_apt() {
	DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical APT_LISTCHANGES_FRONTEND=none \
		apt-get --quiet \
		-o "Dir::Etc::SourceList=$work/sources.list" \
		-o "Dir::Etc::SourceParts=$work/parts" \
		-o "Dir::State::Lists=$work/lists" \
		-o "Dir::Cache=$work/cache" \
		-o APT::Sandbox::User=root \
		-o APT::Get::AllowUnauthenticated=false \
		-o Acquire::AllowInsecureRepositories=false \
		-o Acquire::Languages=none \
		-o "Acquire::Check-Date=$([ -n "$behind" ] && echo false || echo true)" \
		-o DPkg::Lock::Timeout=120 \
		-o Dpkg::Options::=--force-confdef \
		-o Dpkg::Options::=--force-confold \
		-o "APT::Install-Recommends=$(sed -n 's/^recommends //p' medium.list)" \
		"$@"
}

if ! medium_apt update >"$work/update" 2>&1 || grep -q '^[EW]:' "$work/update"; then
	cat "$work/update" >&2
	fail "apt does not accept the medium's index for $release" 'nothing was installed'
fi
if [ -n "$dry" ]; then
	# shellcheck disable=SC2086 # Names have no spaces; that was checked above.
	medium_apt --no-remove --simulate install $packages
	say 'Nothing was installed (--dry-run).'
	exit 0
fi
# shellcheck disable=SC2086
if ! medium_apt --yes --no-remove install $packages; then
	say "apt failed; reading all packages of the medium to see whether one was changed..." >&2
	if grep '  debian/pool/' SHA256SUMS | changed; then refuse; fi
	fail 'apt could not install them; the reason stands above' \
		'the packages of the medium are whole; running this again goes on where it ended'
fi

# ── 5. What is here now ───────────────────────────────────────────────────────────────────────
say
say 'Installed, from the medium alone:'
# shellcheck disable=SC2086
dpkg-query -W -f '  ${Package} ${Version}\n' $packages
say "This machine's own package sources are as they were."
if command -v stead >/dev/null; then say "'stead check' looks at the machine now."; fi
