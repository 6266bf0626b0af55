//! What the checks on units ask and how their faults are mended, in words.

pub(super) const UNWANTED: &str = "\
A timer starts at boot only if another unit wants it: `systemctl enable` makes that link from the \
`WantedBy=` line of the timer's [Install] section. A timer without that line is `static`: `enable` \
says so in passing, does nothing, and `list-timers --all` does not even show the timer afterwards. \
This is how a backup \"was happening some other way\".
fail: a timer is static (or enabled by an alias only), and neither a link in any *.wants, \
*.requires or *.upholds directory nor another unit names it.
warn: the same for a timer out of a package that does not run either: its makers may start it by \
other means.
pass: every timer that is meant to run is wanted by something.
unknown: systemd does not run here or does not answer.";

pub(super) const UNWANTED_MEND: &str = "\
Add the two lines `[Install]` and `WantedBy=timers.target` to the timer (`systemctl edit --full \
NAME.timer`), then `systemctl daemon-reload` and `systemctl enable --now NAME.timer`. If nobody \
needs the timer, remove it.";

pub(super) const TARGET_MISSING: &str = "\
`systemctl enable` believes any `WantedBy=`: with a misspelt or removed target it makes the link, \
and the timer shows as `enabled`, but no boot ever follows that link.
fail: none of the units that want the timer is pulled in by the default target, and one of them \
does not exist or is a target that nothing reaches.
pass: each timer that is wanted is wanted by a unit that the boot reaches, or by one that starts on \
demand (a service, or a target for hardware such as bluetooth.target).
unknown: systemd does not run here or does not answer.";

pub(super) const TARGET_MISSING_MEND: &str = "\
Correct the line to `WantedBy=timers.target` (`systemctl edit --full NAME.timer`), then \
`systemctl reenable NAME.timer`, which also removes the old link, and `systemctl start NAME.timer`.";

pub(super) const NOT_STARTED: &str = "\
`systemctl enable` without `--now` takes effect with the next boot; a timer stopped by hand stays \
stopped until then. Both show as `enabled` while nothing happens.
fail: the boot would start the timer, but it is not active now, or its file has an error.
warn: a link names a timer whose file an administrator has removed.
pass: every timer that the boot starts is active, or one of its conditions is not met (fstrim.timer \
in a container).
unknown: the machine is still starting, or systemd does not answer.";

pub(super) const NOT_STARTED_MEND: &str = "\
`systemctl start NAME.timer`; if it will not start, `systemctl status NAME.timer` and \
`journalctl -u NAME.timer` say why. If the timer should be off, say so: `systemctl disable NAME.timer`.";

pub(super) const NOT_ENABLED: &str = "\
A timer that was started by hand works until the next reboot and is then forgotten.
fail: the timer is active, and nothing starts it at boot.
warn: it is enabled only until the next boot (`--runtime`).
pass: every active timer is started by the boot, too, or is meant to be gone with it (made by \
systemd-run or by a generator).
unknown: systemd does not run here or does not answer.";

pub(super) const NOT_ENABLED_MEND: &str = "`systemctl enable NAME.timer`, or `systemctl stop \
NAME.timer` if it is not needed any more.";

pub(super) const NEVER_FIRES: &str = "\
A timer can be active and yet have no next time: OnCalendar= with a date in the past; only \
OnUnitActiveSec= or OnUnitInactiveSec=, which count from a run that never was; a service with \
RemainAfterExit=yes, which never ends and so never lets its timer wait again.
fail: the timer has never fired since the boot and has no next time; or it waits for the end of a \
service that has finished its work but stays active.
warn: it fired, and its calendar holds no further date.
pass: each active timer has a next time, is running its service just now, waits for a change of the \
clock, or was made to fire once per boot and has done so.
unknown: systemd does not run here or does not answer.";

pub(super) const NEVER_FIRES_MEND: &str = "\
`systemd-analyze calendar '…'` shows when an OnCalendar= line elapses next. Give the timer a line \
that always holds, such as `OnCalendar=daily`, or `OnBootSec=5min` beside `OnUnitActiveSec=1h`; \
remove RemainAfterExit=yes from the service; then `systemctl daemon-reload` and `systemctl restart \
NAME.timer`.";

pub(super) const SERVICE_FAILING: &str = "\
A timer's own result stays `success` when the service it starts fails each time; `list-timers` \
shows a healthy schedule.
fail: the last run of a service that a timer starts ended ill, or the service does not exist.
pass: the last run of each ended well, or there has been none since the boot.
unknown: systemd does not run here or does not answer.";

pub(super) const SERVICE_FAILING_MEND: &str = "\
`journalctl -u NAME.service -e` shows the last run. Mend the cause, then `systemctl start \
NAME.service` and see it succeed; do not wait for the timer.";

pub(super) const FAILED: &str = "\
A unit in the state `failed` was meant to run and ended ill: a service that crashed, a mount that \
could not be made, a socket that could not listen.
fail: there is such a unit; the evidence has its result and since when.
pass: there is none.
unknown: systemd does not run here or does not answer.";

pub(super) const FAILED_MEND: &str = "\
`systemctl status NAME` and `journalctl -u NAME -e` say what happened. Mend the cause and \
`systemctl restart NAME`; if the failure is past and done with, `systemctl reset-failed NAME`.";

pub(super) const RESTART_LOOP: &str = "\
With Restart=always a service that crashes is started again, and `systemctl status` shows `active` \
most of the time. Each restart loses sessions and work, and may write the same log again and again.
systemd counts its automatic restarts; stead remembers the counts of the last hour; at its first \
look it takes the whole time since the boot.
fail: systemd gave a service up after 3 restarts or more (StartLimitBurst=); or at least 3 restarts in that time, on \
average 5 minutes apart or less, and the present state is young.
warn: the same, on average 20 minutes apart or less; or, at the first look, 3 restarts at any time, \
the last less than 2 minutes ago.
pass: no service does that. Login prompts (getty) restart after each logout and are left out.
unknown: systemd does not run here or does not answer.";

pub(super) const RESTART_LOOP_MEND: &str = "\
`journalctl -u NAME.service -e` shows why each run ended. Until that is mended, `systemctl stop \
NAME.service` ends the loop; `RestartSec=` in the unit makes the next one slower.";
