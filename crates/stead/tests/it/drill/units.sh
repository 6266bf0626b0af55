# Two more units for the small service, of the kind that names places of this host, and a script
# that asks from a copy whether the live ones are within reach. Runs after service.sh.
cat >/usr/local/bin/live <<'EOF'
#!/usr/bin/perl
# An abstract socket, as some services have: no folder hides it.
use Socket;
socket(my $own, PF_UNIX, SOCK_STREAM, 0) or die;
my $name = pack_sockaddr_un("\0notes-live");
if (@ARGV) { exit(connect($own, $name) ? 0 : 1) }
bind($own, $name) && listen($own, 5) or die "cannot listen: $!";
sleep 1000000;
EOF
chmod 755 /usr/local/bin/live
systemd-run --quiet --unit=live /usr/local/bin/live
cat >/etc/systemd/system/notes-run.service <<'EOF'
[Service]
Type=notify
NotifyAccess=all
DynamicUser=yes
RuntimeDirectory=notes-run
StateDirectory=notes-run
PrivateTmp=yes
ProtectSystem=strict
ExecStartPre=+/bin/sh -c 'echo prepared >/run/notes-run.prepared'
ExecStart=/bin/sh -c 'echo $$$$ >/run/notes-run/pid; echo run >>/var/lib/notes-run/state; \
  systemd-notify --ready; exec sleep 200000'
EOF
# It ends whatever has its name, as some units do.
cat >/etc/systemd/system/notes-old.service <<'EOF'
[Service]
Type=forking
PIDFile=/run/notes-old.pid
ExecStartPre=-/usr/bin/pkill -f "sleep 100000"
ExecStart=/bin/sh -c 'sleep 100000 & echo $! >/run/notes-old.pid'
ExecStop=-/usr/bin/pkill -f "sleep 100000"
EOF
systemctl daemon-reload
systemctl start notes-run notes-old
cd /root/our-stead/recipes/notes
awk '
	/^\[database\]/ {
		for (i = 1; i <= 2; i++) {
			name = i == 1 ? "notes-run.service" : "notes-old.service"
			printf "[[units]]\nname = \"%s\"\ntemplate = \"%s\"\n", name, name
		}
	}
	{ print }
	/^assertions/ {
		print "  \"systemctl is-active notes notes-run notes-old\","
		print "  \"test $(wc -l </var/lib/notes-run/state) = 1\","
		print "  \"test -s /run/notes-run/pid && test -s /run/notes-old.pid\","
		print "  \"grep -q prepared /run/notes-run.prepared\","
		print "  \"test $(stat -c %U /var/lib/notes/media/5) = notes\","
		print "  \"test ! -e /run/host && test ! -e /run/lab-host && test ! -e /tmp/of-the-host\","
		print "  \"! live reach\","
		print "  \"test $(pgrep -xc sleep) = 2\","
	}' recipe.toml >changed
mv changed recipe.toml
# It was started by a look, and ends by itself after a while.
systemctl stop systemd-timedated
touch /run/lab-host /tmp/of-the-host
live reach
