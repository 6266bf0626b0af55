# A stead whose notebook is saved on a stick, and has some years in it.
cd /root
export USER=el
stead up --once >/dev/null 2>&1 || true
cd our-stead
mkdir -p services recipes
cp -r /srv/loss/notebook recipes/
cat >>stead.toml <<'END'
[targets.disk]
kind = "folder"
path = "/mnt/backup"

[targets.stick]
kind = "folder"
path = "/media/stick/backup"
END
cat >services/notebook.toml <<'END'
recipe = "notebook"
hosts = ["runko"]
backups = ["disk", "stick"]
END
for name in al im; do printf 'name = "%s"\n' $name >members/$name.toml; done
for name in al el im; do stead member key --member $name --out /media/pocket/$name.key >/dev/null 2>&1; done
stead build notebook
apt-get -qq install ./packages/notebook_*_all.deb
cd /
# The notebook makes its table when it starts.
for _ in $(seq 300); do
	there=$(runuser -u notebook -- psql -XAtqd notebook -c "SELECT to_regclass('note')")
	if [ "$there" = note ]; then break; fi
	sleep 0.1
done
runuser -u notebook -- psql -Xqd notebook -c "INSERT INTO note (body) SELECT md5(i::text) FROM generate_series(1, 2026) i"
mkdir -p /var/lib/notebook/scans /mnt/backup /media/stick/backup
head -c 300000 /dev/urandom >/var/lib/notebook/scans/1
chown -R notebook:notebook /var/lib/notebook
echo '# Ours, by hand.' >>/etc/notebook/notebook.conf
cd /root/our-stead
stead backup keys make notebook >/dev/null 2>&1
git add -A && git -c user.name=el -c user.email=el@example.org commit -qm 'A notebook, saved twice'
