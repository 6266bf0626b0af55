# A small service with a database and files, its stead, and a first backup of it.
useradd --system --home /var/lib/notes notes
mkdir -p /var/lib/notes/media /etc/notes /var/cache/notes /mnt/backup
for name in 1 2 3 4 5; do head -c 200000 /dev/urandom >/var/lib/notes/media/$name; done
echo greeting=hello >/etc/notes/notes.conf
echo secret >/etc/notes/key
chown -R notes:notes /var/lib/notes /var/cache/notes
chgrp notes /etc/notes/key
chmod 640 /etc/notes/key
echo live >/var/cache/notes/undeclared
cat >/usr/local/bin/notes <<'END'
#!/usr/bin/perl
use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 8099, Listen => 5,
    ReuseAddr => 1) or die "cannot listen: $!";
open(my $key, '<', '/etc/notes/key') or die "no key: $!";
# It calls another machine: nobody may hear it from a drill.
for my $address ('10.83.0.99', '10.83.0.1') {
    my $call = IO::Socket::INET->new(Proto => 'udp', PeerAddr => $address, PeerPort => 53);
    $call->send('call') if $call;
}
while (my $client = $server->accept) {
    <$client>;
    while (<$client>) { last if /^\r?$/ }
    chomp(my $count = `psql -XAtd notes -c 'SELECT count(*) FROM note' 2>&1`);
    print $client "HTTP/1.0 200 OK\r\n\r\nnotes: $count\n";
    close $client;
}
END
chmod 755 /usr/local/bin/notes
cat >/etc/systemd/system/notes.service <<'END'
[Unit]
Requires=postgresql.service
After=postgresql.service
[Service]
User=notes
ExecStart=/usr/local/bin/notes
[Install]
WantedBy=multi-user.target
END
cd /
runuser -u postgres -- psql -Xq -c "CREATE ROLE notes LOGIN PASSWORD 'a word of notes'" \
	-c "CREATE DATABASE notes OWNER notes TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
runuser -u postgres -- psql -Xqd notes -c 'CREATE EXTENSION pg_trgm'
runuser -u notes -- psql -Xqd notes <<'END'
CREATE TABLE note (id bigserial PRIMARY KEY, body text);
INSERT INTO note (body) SELECT md5(i::text) FROM generate_series(1, 20000) i;
CREATE FUNCTION f(integer) RETURNS text LANGUAGE sql AS 'SELECT ''a''::text';
END
systemctl daemon-reload
systemctl enable -q --now notes

cd /root
export USER=el
stead up --once >/dev/null 2>&1 || true
cd our-stead
host=$(basename hosts/*.toml .toml)
mkdir -p services recipes/notes
printf '[targets.disk]\nkind = "folder"\npath = "/mnt/backup"\n' >>stead.toml
printf 'recipe = "notes"\nhosts = ["%s"]\nbackups = ["disk"]\n' "$host" >services/notes.toml
for name in al im; do printf 'name = "%s"\n' $name >members/$name.toml; done
for name in al el im; do stead member key --member $name --out /root/$name.key; done
cat >recipes/notes/recipe.toml <<'END'
name = "notes"
summary = "Notes in a database"
version = "1.0"
[source]
files = "files"
[package]
user = "notes"
[[package.directories]]
path = "/var/lib/notes"
[[package.directories]]
path = "/var/cache/notes"
[[units]]
name = "notes.service"
template = "notes.service"
[database]
engine = "postgresql"
name = "notes"
owner = "notes"
verify = ["note"]
[backup]
paths = ["/etc/notes", "/var/lib/notes"]
[[checks]]
name = "answers"
http = "http://127.0.0.1:8099/"
contains = "notes: 20000"
[[checks]]
name = "counts"
query = "SELECT count(*) = 20000 FROM note"
[drill]
checks = ["answers", "counts"]
prepare = ["echo sealed >> /etc/notes/notes.conf"]
assertions = [
  "test -s /var/lib/notes/media/5",
  "test ! -e /var/cache/notes/undeclared",
  "grep -q sealed /etc/notes/notes.conf",
  "! ping -c 1 -W 1 10.83.0.1",
  "test ! -e /root/our-stead",
  "test ! -e /var/lib/stead/backup",
]
END
stead backup keys make notes
stead backup now notes --found
