//! What a process uses: its memory with that of its children, and its processor time.

use std::fs;

/// In mebibytes; `None` where there is no `/proc`.
pub fn resident_mib(pid: u32) -> Option<f64> {
    Some(family_kib(pid, &processes()?) as f64 / 1024.0)
}

/// Of a process and all that it has begun.
fn family_kib(pid: u32, processes: &[Process]) -> u64 {
    let mut family = vec![pid];
    // Children may be listed before their parents, so look again until nobody joins.
    loop {
        let before = family.len();
        for process in processes {
            if family.contains(&process.parent) && !family.contains(&process.pid) {
                family.push(process.pid);
            }
        }
        if family.len() == before {
            break;
        }
    }
    processes.iter().filter(|p| family.contains(&p.pid)).map(|p| p.resident_kib).sum()
}

/// Ticks of a second in `/proc`: always 100 for programs on Linux, whatever the kernel uses itself.
const TICK_US: u64 = 10_000;

/// Processor time that a process has used so far, in microseconds; `None` where there is no `/proc`.
pub fn cpu_us(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, and may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks = |field: usize| fields.split(' ').nth(field)?.parse::<u64>().ok();
    Some((ticks(11)? + ticks(12)?) * TICK_US)
}

struct Process {
    pid: u32,
    parent: u32,
    resident_kib: u64,
}

fn processes() -> Option<Vec<Process>> {
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Some(pids.filter_map(process).collect())
}

/// `None` for a process that ended meanwhile, and for the kernel's own, which have no memory.
fn process(pid: u32) -> Option<Process> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some(Process { pid, parent: number("PPid:")? as u32, resident_kib: number("VmRSS:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_as_large_as_itself_and_its_descendants() {
        let process = |pid, parent, resident_kib| Process { pid, parent, resident_kib };
        let all = [process(4, 3, 1000), process(2, 1, 1), process(3, 2, 100), process(9, 1, 10_000)];
        assert_eq!(family_kib(2, &all), 1101);
        assert_eq!(family_kib(9, &all), 10_000);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_runs_has_memory() {
        let mib = resident_mib(std::process::id()).unwrap();
        assert!(mib > 0.5, "{mib} MiB");
    }
}
