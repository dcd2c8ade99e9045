//! Every folder under `tests/manifests` holds a `spin.toml` that the host refuses, and in `error.txt` what it says.

use souk_host::Host;

use crate::bench::{options, root};

#[tokio::test]
async fn what_is_not_supported_is_refused_by_name() {
    let mut tried = 0;
    for entry in std::fs::read_dir(root().join("tests/manifests")).expect("the folder") {
        let folder = entry.expect("an entry").path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let expected = std::fs::read_to_string(folder.join("error.txt")).expect("an error.txt");
        let state = tempfile::tempdir().expect("a folder");
        let mut options = options(state.path());
        options.manifest.clone_from(&folder);
        options.runtime_config = Some(folder.join("runtime-config.toml")).filter(|file| file.is_file());
        options.variables.clear();
        let fault = Host::start(options).await.err().unwrap_or_else(|| panic!("{name} was not refused"));
        let said = format!("{fault:#}").replace(&folder.display().to_string(), "FOLDER");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(folder.join("error.txt"), format!("{said}\n")).expect("a file");
        } else {
            assert_eq!(said.trim(), expected.trim(), "{name}");
        }
        tried += 1;
    }
    assert!(tried > 10, "only {tried} manifests were found");
}
