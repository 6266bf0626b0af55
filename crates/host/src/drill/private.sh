# Becomes the process 1 of a private root: the drill's overlay with file systems of its own.
# Runs in new namespaces of every kind; whatever fails here ends the boot, and says why.
# Arguments: the root, what it boots into, and pairs of what this host has and the place inside.
set -eu
root=$1
target=$2
shift 2
cd "$root"
apart
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
: >dev/tty
mount --bind /dev/tty dev/tty
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,nosuid,noexec,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev,size=20% stead-drill dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mkdir run/host
pivot_root . run/host
cd /
while [ $# -ge 2 ]; do
	mkdir -p -- "$2"
	mount --bind -- "/run/host$1" "$2"
	# A device node in what was restored would be this host's disk.
	mount -o remount,bind,nodev -- "$2"
	shift 2
done
umount --lazy /run/host
rmdir /run/host
# Neither the clock, the kernel nor a disk of this host is its own.
without=-audit_control,-mac_admin,-mac_override,-mknod,-sys_boot,-sys_module,-sys_pacct,-sys_rawio
without=$without,-sys_time,-syslog,-wake_alarm,-block_suspend
exec setpriv "--bounding-set=$without" -- /lib/systemd/systemd "systemd.unit=$target"
