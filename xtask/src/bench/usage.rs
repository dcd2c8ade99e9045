//! What a process uses: its memory with that of its children, and its processor time.

use std::fs;

/// In mebibytes; `None` where there is no `/proc`.
pub fn resident_mib(pid: u32) -> Option<f64> {
    let processes = processes()?;
    let mut family = vec![pid];
    // Children may be listed before their parents, so look again until nobody joins.
    loop {
        let before = family.len();
        for process in &processes {
            if family.contains(&process.parent) && !family.contains(&process.pid) {
                family.push(process.pid);
            }
        }
        if family.len() == before {
            break;
        }
    }
    let kib: u64 = processes.iter().filter(|p| family.contains(&p.pid)).map(|p| p.resident_kib).sum();
    Some(kib as f64 / 1024.0)
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
    #[cfg(target_os = "linux")]
    fn a_process_is_as_large_as_itself_and_its_children() {
        let alone = resident_mib(std::process::id()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
        let together = resident_mib(std::process::id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(alone > 0.5 && together > alone, "{alone} MiB alone, {together} MiB with a child");
    }
}
