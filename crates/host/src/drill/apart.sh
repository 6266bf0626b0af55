# `apart`: gives the root that is the working folder, in a mount namespace of its own, what it needs
# of the kernel and no more. What is set in /proc is set for the whole kernel, and no disk of this
# host's is in /dev.
apart() {
	mount -t proc -o nosuid,nodev,noexec proc proc
	for name in sys sysrq-trigger irq bus; do
		[ -e "proc/$name" ] || continue
		mount --bind "proc/$name" "proc/$name"
		mount -o remount,bind,ro,nosuid,nodev,noexec "proc/$name"
	done
	for name in kcore keys kmsg; do
		[ ! -e "proc/$name" ] || mount --bind /dev/null "proc/$name"
	done
	mount -t tmpfs -o mode=755,nosuid,nodev,size=20% stead-drill run
	mount -t tmpfs -o mode=1777,nosuid,nodev,size=20% stead-drill tmp
	mount -t tmpfs -o mode=755,nosuid,noexec,size=4m stead-drill dev
	for name in null zero full random urandom; do
		: >"dev/$name"
		mount --bind "/dev/$name" "dev/$name"
	done
	ln -s /proc/self/fd dev/fd
}
