# Spoils the newest snapshot in one way, and where that is possible so that every sum still fits.
export RESTIC_REPOSITORY=/mnt/backup/notes RESTIC_PASSWORD_FILE=/var/lib/stead/backup/keys/notes
staging=/var/lib/stead/backup/staging/notes
pack=$(find /mnt/backup/notes/data -type f -size +100k | sort | head -n 1)
case $1 in
flipped)
	chmod u+w "$pack"
	printf '\125\252' | dd of="$pack" bs=1 seek=5000 conv=notrunc 2>/dev/null
	exit
	;;
missing)
	rm -f "$pack"
	exit
	;;
esac
rm -rf $staging
restic restore -q --no-cache latest --target / --include $staging
cd $staging

# Changes a restored copy of the database and dumps that.
changed() {
	chmod 755 "$(dirname $staging)" $staging && chmod 644 ./*
	runuser -u postgres -- psql -Xq -c 'DROP DATABASE IF EXISTS x' \
		-c "CREATE DATABASE x OWNER notes TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
	runuser -u postgres -- pg_restore -d x $staging/database.dump
	runuser -u postgres -- psql -Xqd x -c "$1"
	runuser -u postgres -- pg_dump -Fc -Z0 x >/root/changed.dump
	cat /root/changed.dump >database.dump
}

case $1 in
same) changed 'SELECT 1' ;;
truncated) truncate -s 500000 database.dump ;;
terminal) perl -pi -e 's/\n/\r\n/g' database.dump ;;
nothing) : >database.dump ;;
died) truncate -s 500000 database.dump ;;
function) changed "CREATE OR REPLACE FUNCTION f(integer) RETURNS text LANGUAGE sql AS 'SELECT ''b''::text'" ;;
extension) changed 'DROP EXTENSION pg_trgm' ;;
emptied) changed 'TRUNCATE note' ;;
media) truncate -s 1000 /var/lib/notes/media/3 ;;
esac
if [ "$1" != died ]; then
	sum=$(sha256sum database.dump | cut -d' ' -f1)
	size=$(stat -c %s database.dump)
	perl -pi -e "s/\"dump_sum\":\s*\"[0-9a-f]*\"/\"dump_sum\": \"$sum\"/; s/\"dump_bytes\":\s*\d+/\"dump_bytes\": $size/" manifest.json
fi
restic backup -q --no-cache --host "$(hostname)" /etc/notes /var/lib/notes $staging
rm -rf $staging
