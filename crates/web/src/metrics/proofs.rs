//! What is proved of backups, as numbers: when the last was read back, when a drill last passed.
//!
//! A time that is not known has no sample, so that an alert on its absence fires.

use api::backup::proof::Proof;
use api::verdict::Verdict;

use crate::metrics::sheet::Sheet;

/// Puts the cards of `host` on the sheet.
pub(crate) fn put(sheet: &mut Sheet, host: &str, proofs: &[Proof]) {
    for proof in proofs {
        let labels = [("host", host), ("service", &*proof.service)];
        let good = f64::from(u8::from(proof.verdict == Verdict::Pass));
        let help = "Whether a service's backups are proved; 0 also where that is not known";
        sheet.gauge("stead_proof", help, &labels, good);
        for saved in &proof.backups {
            let Some(last) = saved.last else { continue };
            let labels = [labels[0], labels[1], ("target", &*saved.target)];
            let help = "When the last backup was begun that was read back from its target";
            let name = "stead_backup_last_timestamp_seconds";
            sheet.gauge(name, help, &labels, last.as_second() as f64);
            if let Some(bytes) = saved.bytes {
                let help = "Size of all files of the last backup that was read back";
                sheet.gauge("stead_backup_size_bytes", help, &labels, bytes as f64);
            }
        }
        if let Some(passed) = proof.drill.passed {
            let help = "When a drill of the service last passed";
            let name = "stead_drill_passed_timestamp_seconds";
            sheet.gauge(name, help, &labels, passed.as_second() as f64);
        }
        if let Some(time) = proof.drill.restore_milliseconds {
            let help = "How long the restore took in the last drill that passed";
            sheet.gauge("stead_restore_duration_seconds", help, &labels, time as f64 / 1000.0);
        }
        let help = "Members who can open the key of the service's backups";
        sheet.gauge("stead_backup_readers", help, &labels, proof.readers.able.len() as f64);
    }
}
