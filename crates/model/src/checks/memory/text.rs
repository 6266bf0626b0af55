//! What the checks on memory ask and how their faults are mended, in words.

pub(super) const GROWTH: &str = "\
A program that never gives back what it took grows until the kernel kills it or another. The growth \
is slow, and a single look cannot tell it from a full cache.
stead reads each service's memory without the file cache every minute and keeps the lowest value of \
each hour. Over the last 24 to 72 hours since the service was started it takes the median of the \
slopes between all pairs (Theil-Sen): a few spikes do not matter.
fail: it grows, in the later half as well, in at least 7 of 10 pairs the later hour is higher, and at this rate it reaches its \
MemoryHigh= or MemoryMax=, or takes all that is available on the machine, in less than 24 hours.
warn: the same in less than 72 hours.
pass: no service with 24 hours of readings does that.
unknown: no service has 24 hours of readings since its start yet, or memory cannot be read.";

pub(super) const GROWTH_MEND: &str = "\
Restart the service at a quiet hour, and look for a newer version or a setting that bounds its \
caches. Until then give it a bound of its own, so that it is killed before others are: \
`systemctl set-property NAME.service MemoryMax=2G` with Restart=on-failure in the unit.";

pub(super) const KILLS: &str = "\
When memory runs out, the kernel kills a process; with Restart= in its unit it comes back, and the \
only trace is a line in the kernel's log. The kernel counts the kills per unit since its start, and \
in all since the boot, but not when they were: stead remembers the counts from one look to the next.
fail: a unit's last run ended with `oom-kill`, or a kill is less than 24 hours old.
warn: stead learnt of a kill within the last 7 days; it may be older where stead first looked later.
pass: the counters are zero, or have not moved for 7 days.
unknown: no counter can be read. In a container the whole machine's counter is not used, because it \
counts the neighbours' kills, too.";

pub(super) const KILLS_MEND: &str = "\
`journalctl -k -g 'oom-kill|Out of memory'` names the process that was killed and the one that \
asked. Give the unit more (`systemctl set-property NAME.service MemoryMax=…`), the machine more \
memory or swap, or bound the program that took it.";

pub(super) const PRESSURE: &str = "\
A load average does not say what programs wait for. The kernel measures the share of time in which \
some task, or every task that had work (full), stood still for want of memory, disk or processor.
fail: over 5 minutes, full memory pressure is 20 % or more.
warn: over 5 minutes, full memory pressure is 5 % or more, full disk pressure 40 % or more, or some \
task waited for a processor 95 % of the time or more.
pass: all of it is less.
unknown: the kernel was built or started without PSI; or a container sees only the figures of the \
whole machine that it runs on, and these are high.";

pub(super) const PRESSURE_MEND: &str = "\
`systemd-cgtop` shows who uses most. For memory: bound or move a service, add memory. For disk: look \
for backups or scrubs that run together (`systemctl list-timers`), give them IOWeight=10. For \
processors: CPUWeight=10 for what can wait. A kernel without PSI gets it with psi=1 at boot.";
