# Fills an installed Synapse as people would and by bulk, and makes its stead, with two targets.
health="python3 -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:8008/health')\""
answers() {
	for _ in $(seq 300); do
		if sh -c "$health" 2>/dev/null; then return; fi
		sleep 0.2
	done
	journalctl --no-pager -n 20 -u synapse
	exit 1
}

# What a group might have added by hand: mail, and other servers at addresses of this network.
cat >>/etc/synapse/homeserver.yaml <<'END'
email:
  smtp_host: 10.83.0.99
  notif_from: "chat <chat@chat.example>"
  enable_notifs: true
ip_range_blacklist: []
rc_message: { per_second: 1000, burst_count: 1000 }
rc_login: { address: { per_second: 1000, burst_count: 1000 }, account: { per_second: 1000, burst_count: 1000 } }
END
systemctl restart synapse
answers
printf 'correct horse\n' >/srv/password
chmod 755 /srv
chmod 644 /srv/password
for name in anna bert; do
	synapse-user --user $name --no-admin --password-file /srv/password >/dev/null
done
python3 /root/synapse-talk.py first

# The past of a room of another server, as Synapse keeps it.
systemctl stop synapse
cd /
runuser -u postgres -- psql -Xqd synapse -c 'CREATE EXTENSION pg_trgm'
runuser -u synapse -- psql -Xqd synapse <<'END'
CREATE FUNCTION greet(integer) RETURNS text LANGUAGE sql AS 'SELECT ''a''::text';
INSERT INTO rooms (room_id, is_public, creator, room_version, has_auth_chain_index)
VALUES ('!far:far.example', false, '@far:far.example', '10', false);
INSERT INTO events (topological_ordering, event_id, type, room_id, processed, outlier, depth,
    origin_server_ts, received_ts, sender, contains_url, instance_name, stream_ordering)
SELECT i, '$' || md5(i::text), 'm.room.message', '!far:far.example', true, false, i,
    1700000000000 + i, 1700000000000 + i, '@far:far.example', false, 'master', -i
FROM generate_series(1, 55000) i;
INSERT INTO event_json (event_id, room_id, internal_metadata, json, format_version)
SELECT '$' || md5(i::text), '!far:far.example', '{}', json_build_object('type', 'm.room.message',
    'sender', '@far:far.example', 'room_id', '!far:far.example', 'depth', i,
    'origin_server_ts', 1700000000000 + i, 'content', json_build_object('msgtype', 'm.text',
    'body', md5((i + 1)::text)), 'hashes', '{}'::json, 'signatures', '{}'::json)::text, 3
FROM generate_series(1, 55000) i;
SELECT setval('events_backfill_stream_seq', 55000);
END
systemctl start synapse
answers

cd /root
export USER=el
stead up --once >/dev/null 2>&1 || true
cd our-stead
host=$(basename hosts/*.toml .toml)
mkdir -p services /mnt/backup /mnt/stick
cat >>stead.toml <<'END'
[targets.disk]
kind = "folder"
path = "/mnt/backup"
[targets.stick]
kind = "folder"
path = "/mnt/stick"
END
cat >services/chat.toml <<END
recipe = "synapse"
hosts = ["$host"]
backups = ["disk", "stick"]
[settings]
server_name = "chat.example"
END
for name in al im; do printf 'name = "%s"\n' $name >members/$name.toml; done
for name in al el im; do stead member key --member $name --out /root/$name.key; done
stead backup keys make chat
stead backup now chat --found --json >/root/first.json
python3 /root/synapse-talk.py more
stead backup now chat --json >/root/second.json
