# Listens to everything that leaves the host, and to everything inside the machine of a drill.
#   begin, end           around a drill: `end` says how many packets there were
#   call                 the live Synapse asks another server for a room
#   call-until-heard     the same, and what left the host by then: nothing at all means a deaf ear
#   call-from-drills     a recipe of the plan whose drills do the same; call-no-more ends it
address=http://127.0.0.1:8008/_matrix/client/v3/directory/room/%23a%3A10.83.0.99
recipe=/root/our-stead/recipes/synapse
count() { tcpdump -n -r "$@" 2>/dev/null | wc -l; }
left() {
	left=0
	for file in /root/packets-*; do left=$((left + $(count "$file"))); done
	echo "left the host: $left"
}

case $1 in
begin)
	# A kernel looks for neighbours by itself; below 1280 bytes there is no IPv6 (RFC 8200, 5).
	ip link set eth0 mtu 1000 arp off
	rm -f /root/packets-* /root/inside
	for interface in /sys/class/net/*; do
		name=${interface##*/}
		[ "$name" = lo ] && continue
		systemd-run -q --unit="capture-$name" tcpdump -i "$name" -Q out -U -w "/root/packets-$name"
		until test -s "/root/packets-$name"; do sleep 0.1; done
	done
	# In the namespace of the drill's machine, from its first moment.
	cat >/root/listen.sh <<'END'
own=$(readlink /proc/self/ns/net)
while :; do
	for nspawn in $(pgrep -f '^systemd-nspawn .*--machine=stead-drill-chat'); do
		for child in $(pgrep -P "$nspawn"); do
			if [ "$(readlink "/proc/$child/ns/net")" != "$own" ]; then
				exec nsenter --net="/proc/$child/ns/net" tcpdump -i any -U -w /root/inside
			fi
		done
	done
	sleep 0.02
done
END
	systemd-run -q --unit=capture-inside sh /root/listen.sh
	;;
end)
	systemctl stop 'capture-*'
	left
	if [ -e /root/inside ]; then
		own='(src net 127.0.0.0/8 and dst net 127.0.0.0/8) or (src host ::1 and dst host ::1)'
		echo "inside, on loopback: $(count /root/inside "$own")"
		echo "inside, beyond loopback: $(count /root/inside "not ($own)")"
	fi
	;;
call)
	python3 - <<END
import time, urllib.error, urllib.request
for _ in range(600):
    try:
        urllib.request.urlopen("http://127.0.0.1:8008/health")
        break
    except OSError:
        time.sleep(0.1)
try:
    urllib.request.urlopen("$address", timeout=100)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
END
	;;
call-until-heard)
	# Once, on a loaded machine, nothing had left by the time it answered.
	for _ in 1 2 3 4 5; do
		sh "$0" call
		left
		[ "$left" = 0 ] || exit 0
	done
	systemctl --no-pager status 'capture-*'
	ip address
	exit 1
	;;
call-from-drills)
	mkdir -p $recipe
	cp -r /usr/share/stead/recipes/synapse/. $recipe/
	perl -0pi -e 's/^prepare = .*?$//m; s{^assertions = \[}{assertions = [\n  "sh /usr/libexec/tries",}m' \
		$recipe/recipe.toml
	cat >/usr/libexec/tries <<END
set -eu
sh /usr/libexec/capture call | grep -q '^502 '
for _ in \$(seq 300); do
	pushed=\$(journalctl -u synapse -o cat | grep -c 'Failed to push data to @bert' || true)
	if [ "\$pushed" != 0 ]; then break; fi
	sleep 0.1
done
test "\$pushed" != 0
echo "it called another server and a push gateway"
END
	cp /root/capture.sh /usr/libexec/capture
	;;
call-no-more) rm -r $recipe ;;
*) exit 2 ;;
esac
