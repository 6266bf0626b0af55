# join_group USER GROUP: the user becomes a member of a group that another package made.
join_group() {
	case " $(id -nG "$1") " in
	*" $2 "*) return 0 ;;
	esac
	if ! getent group "$2" >/dev/null; then
		say "there is no group $2 that the user $1 could join"
		return 1
	fi
	note "joined $2"
	usermod --append --groups "$2" "$1"
}
