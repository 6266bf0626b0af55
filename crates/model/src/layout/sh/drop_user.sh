# drop_user NAME: the user and group go if this package or one before it made them and no other
# package made from a recipe uses them; else the other one answers for them from now on.
drop_user() {
	heir=$(grep -lsxF -e "uses user $1" /var/lib/stead/made/* | grep -vxF -e "$made" | head -n 1)
	if [ -n "$heir" ]; then
		grep -E "^(made (user|group)|joined) " "$made" >>"$heir" || :
		say "the user $1 stays, for ${heir##*/}"
		return 0
	fi
	if getent passwd "$1" >/dev/null; then
		if noted "made user $1"; then
			end_processes "$1"
			userdel "$1" || say "the user $1 stays: userdel failed"
		else
			sed -n 's/^joined //p' "$made" | while read -r group; do
				gpasswd --delete "$1" "$group" >/dev/null || say "$1 stays in the group $group"
			done
		fi
	fi
	if noted "made group $1" && getent group "$1" >/dev/null; then
		groupdel "$1" || say "the group $1 stays: groupdel failed"
	fi
}
