# Installs what lies in the folder $2 below the root $1, in namespaces of its own: without a
# network, and with file systems that go when it ends. Packages' scripts run as root, so what
# they change must not be this host's: no kernel setting, no device, no mount.
set -eu
cd "$1"
mount --make-rprivate /
apart
mkdir run/stead-packages
mount --bind "$2" run/stead-packages
mount -o remount,bind,ro,nosuid,nodev run/stead-packages
# What dpkg and maintainer scripts need, and nothing that reaches the kernel.
with=-all,+chown,+dac_override,+dac_read_search,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap
with=$with,+setfcap,+sys_chroot,+audit_write,+net_bind_service
exec setpriv "--bounding-set=$with" -- chroot . sh -c 'exec apt-get -q -y \
	-c /run/stead-packages/apt.conf --no-install-recommends \
	-o Dpkg::Options::=--force-confold -o APT::Sandbox::User=root \
	-o Dir::Cache::pkgcache= -o Dpkg::Use-Pty=0 install /run/stead-packages/*.deb'
