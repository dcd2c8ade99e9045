//! Resident memory of a process and its children.

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
