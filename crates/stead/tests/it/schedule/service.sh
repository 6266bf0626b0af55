# A small service that is two packages in a repository, its stead with two targets, and its key.
mkdir -p /root/build/notes/DEBIAN /root/build/notes/usr/lib/systemd/system /root/repository \
	/root/build/notes-lib/DEBIAN /root/build/notes-lib/usr/lib/notes /mnt/backup/disk /mnt/backup/offsite
cd /root/build
control() {
	printf 'Package: %s\nVersion: 1.0\nArchitecture: all\nMaintainer: el <el@example.org>\n%sDescription: notes\n' \
		"$1" "$2" >"$1/DEBIAN/control"
}
control notes "Depends: notes-lib (>= 1.0)
"
control notes-lib ""
cat >notes-lib/usr/lib/notes/run <<'END'
#!/bin/sh
test "$(cat /var/lib/notes/first)" = "a note" && test "$(stat -c %U /var/lib/notes/first)" = notes &&
	exec sleep infinity
END
chmod 755 notes-lib/usr/lib/notes/run
cat >notes/usr/lib/systemd/system/notes.service <<'END'
[Service]
User=notes
ExecStart=/usr/lib/notes/run
[Install]
WantedBy=multi-user.target
END
cat >notes/DEBIAN/postinst <<'END'
#!/bin/sh
set -e
getent passwd notes >/dev/null || useradd --system --home /var/lib/notes notes
mkdir -p /var/lib/notes
chown notes: /var/lib/notes
END
chmod 755 notes/DEBIAN/postinst
for name in notes-lib notes; do
	dpkg-deb --root-owner-group -b $name /root/repository/$name.deb >/dev/null
	dpkg-deb -f /root/repository/$name.deb
	printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' $name \
		"$(stat -c %s /root/repository/$name.deb)" "$(sha256sum <"/root/repository/$name.deb" | cut -d' ' -f1)"
done >/root/repository/Packages
dpkg -i /root/repository/notes-lib.deb /root/repository/notes.deb >/dev/null
mkdir -p /etc/notes
echo greeting=hello >/etc/notes/notes.conf
echo a note >/var/lib/notes/first
chown notes: /var/lib/notes/first
chmod 600 /var/lib/notes/first
systemctl daemon-reload
systemctl start notes

cd /root
export USER=el
stead up --once >/dev/null 2>&1 || true
cd our-stead
mkdir -p services recipes/notes
for name in disk offsite; do
	printf '[targets.%s]\nkind = "folder"\npath = "/mnt/backup/%s"\n' $name $name
done >>stead.toml
printf 'recipe = "notes"\nhosts = ["%s"]\nbackups = ["disk", "offsite"]\n' "$(hostname)" >services/notes.toml
for name in al im; do printf 'name = "%s"\n' $name >members/$name.toml; done
for name in al el im; do stead member key --member $name --out /root/$name.key; done
cat >recipes/notes/recipe.toml <<'END'
name = "notes"
summary = "Notes in a file"
version = "1.0"
[source]
files = "files"
[package]
user = "notes"
[[units]]
name = "notes.service"
template = "notes.service"
[backup]
paths = ["/etc/notes", "/var/lib/notes"]
period_hours = 1
[[checks]]
name = "runs"
unit = "notes.service"
[drill]
checks = ["runs"]
assertions = ["test -s /var/lib/notes/first", "systemctl is-active notes"]
END
stead backup keys make notes
