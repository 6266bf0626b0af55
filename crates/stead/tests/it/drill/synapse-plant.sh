# Spoils the newest snapshot of chat in one way, and where that is possible so that every sum fits.
# `ready` first, once: keeps a good repository whose packs are all needed, and what is in it.
export RESTIC_REPOSITORY=/mnt/backup/chat RESTIC_PASSWORD_FILE=/var/lib/stead/backup/keys/chat
staging=/var/lib/stead/backup/staging/chat
media=/var/lib/synapse/media/local_content
psql() { (cd / && runuser -u postgres -- psql -Xqv ON_ERROR_STOP=1 "$@"); }

if [ "$1" = ready ]; then
	restic forget -q --no-cache --host "$(hostname)" --keep-last 1 --prune --max-unused 0
	restic restore -q --no-cache latest --target /root/saved --include $staging
	psql -c "CREATE DATABASE good OWNER synapse TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
	chmod 711 /root
	chmod -R a+rX /root/saved
	(cd / && runuser -u postgres -- pg_restore -d good /root/saved$staging/database.dump)
	cp -a /mnt/backup/chat /mnt/good
	exit
fi

rm -rf /mnt/backup/chat
cp -a /mnt/good /mnt/backup/chat
pack=$(find /mnt/backup/chat/data -type f -size +1M | sort | head -n 1)
case $1 in
flipped)
	chmod u+w "$pack"
	perl -e 'open(my $f, "+<", $ARGV[0]) or die; seek($f, 5000, 0); read($f, my $byte, 1);
		seek($f, 5000, 0); print $f chr(ord($byte) ^ 4)' "$pack"
	exit
	;;
missing)
	rm -f "$pack"
	exit
	;;
esac

mkdir -p $staging
cp -a /root/saved$staging/. $staging
cd $staging
chosen=$(find $media -type f -size +200k | sort | head -n 1)
before=
# Keeps a live file aside, to be put back when it was saved.
aside() {
	before=$1
	cp -p "$1" /root/aside
}
# Changes a copy of the database and dumps that.
changed() {
	psql -c 'DROP DATABASE IF EXISTS bad' -c 'CREATE DATABASE bad OWNER synapse TEMPLATE good'
	psql -d bad -c "$1"
	(cd / && runuser -u postgres -- pg_dump "${2:--Fc}" -Z0 bad) >database.dump
}

case $1 in
truncated) truncate -s 5000000 database.dump ;;
terminal) perl -pi -e 's/\n/\r\n/g' database.dump ;;
plain)
	changed 'SELECT 1' -Fp
	perl -pi -e 's/\n/\r\n/g' database.dump
	;;
nothing) : >database.dump ;;
died) truncate -s 5000000 database.dump ;;
function) changed "CREATE OR REPLACE FUNCTION greet(integer) RETURNS text LANGUAGE sql AS 'SELECT ''b''::text'" ;;
extension) changed 'DROP EXTENSION pg_trgm' ;;
emptied) changed 'TRUNCATE event_json' ;;
cut)
	aside "$chosen"
	truncate -s 1000 "$chosen"
	;;
lost)
	aside "$chosen"
	rm "$chosen"
	;;
other)
	aside "$chosen"
	head -c "$(stat -c %s "$chosen")" /dev/urandom | dd of="$chosen" conv=notrunc 2>/dev/null
	;;
key)
	aside /var/lib/synapse/signing.key
	/usr/lib/synapse/bin/generate_signing_key >/root/key
	cat /root/key >/var/lib/synapse/signing.key
	;;
*) exit 2 ;;
esac
if [ "$1" != died ]; then
	sum=$(sha256sum database.dump | cut -d' ' -f1)
	size=$(stat -c %s database.dump)
	perl -pi -e "s/\"dump_sum\":\s*\"[0-9a-f]*\"/\"dump_sum\": \"$sum\"/; s/\"dump_bytes\":\s*\d+/\"dump_bytes\": $size/" manifest.json
fi
restic backup -q --no-cache --host "$(hostname)" --exclude /var/lib/synapse/database-mark /etc/synapse /var/lib/synapse $staging
rm -rf $staging
if [ -n "$before" ]; then cp -p /root/aside "$before"; fi
