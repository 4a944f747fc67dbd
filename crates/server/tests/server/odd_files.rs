//! Files of a configuration that are no files, too large, or where nothing reads them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::sync_channel;
use std::thread::spawn;
use std::time::Duration;

use server::config::{self, Mistake, Mistakes};

use crate::folder::{Folder, MAIN};

fn folder(name: &str) -> Folder {
    Folder::new(&format!("odd-{name}")).with("monoligne.toml", MAIN)
}

fn pipe(path: &Path) {
    fs::create_dir_all(path.parent().expect("it is in a folder")).unwrap();
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// In a thread of its own: reading a pipe would never end.
fn mistakes(config: PathBuf) -> Mistakes {
    let (tell, told) = sync_channel(1);
    spawn(move || tell.send(config::load(&config).map(|_| ())));
    let result = told.recv_timeout(Duration::from_secs(60)).expect("it hangs");
    result.expect_err("the configuration was accepted")
}

fn only(mistakes: &Mistakes) -> &Mistake {
    assert_eq!(mistakes.iter().count(), 1, "{mistakes}");
    mistakes.iter().next().expect("there is one")
}

#[test]
fn a_pipe_in_place_of_a_file_is_told_and_hangs_nobody() {
    for file in ["monoligne.toml", "practices/petit.toml", "prompts/closed.wav"] {
        let folder = folder("pipe");
        let path = folder.0.join(file);
        let _absent = fs::remove_file(&path);
        pipe(&path);
        let mistakes = mistakes(folder.0.clone());
        let found = only(&mistakes);
        assert_eq!(found.file, path);
        assert!(found.fault.contains("it is a pipe, and no file"), "{found}");
        assert!(found.remedy.contains("in its place"), "{found}");
    }
}

#[test]
fn a_pipe_that_a_link_leads_to_is_a_pipe_and_a_linked_file_is_read() {
    let folder = folder("link");
    pipe(&folder.0.join("elsewhere/pipe"));
    fs::create_dir(folder.0.join("teams")).unwrap();
    let link = folder.0.join("teams/night.toml");
    std::os::unix::fs::symlink("../elsewhere/pipe", &link).unwrap();
    let told = mistakes(folder.0.clone());
    assert!(only(&told).fault.contains("it is a pipe"), "{told}");

    fs::remove_file(&link).unwrap();
    fs::write(folder.0.join("elsewhere/agent"), "ring_for = \"0 s\"").unwrap();
    std::os::unix::fs::symlink("../elsewhere/agent", &link).unwrap();
    let told = mistakes(folder.0.clone());
    assert!(told.iter().any(|mistake| mistake.key == "teams.night.ring_for"), "{told}");
}

#[test]
fn a_device_and_a_folder_are_no_files_either() {
    let folder = folder("device");
    fs::create_dir(folder.0.join("teams")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.0.join("teams/night.toml")).unwrap();
    fs::create_dir(folder.0.join("teams/noon.toml")).unwrap();
    let told = mistakes(folder.0.clone());
    let faults: Vec<&str> = told.iter().map(|mistake| mistake.fault.as_str()).collect();
    assert!(faults[0].contains("it is a device, and no file"), "{told}");
    assert!(faults[1].contains("it is a folder, and no file"), "{told}");
}

#[test]
fn a_secret_in_a_pipe_is_told_with_its_key() {
    let folder = Folder::new("odd-secret").with(
        "monoligne.toml",
        &MAIN.replace("ha1 = \"a71afc718d6fb4c315d504a5e85f5d6a\"", "secret_file = \"secret\""),
    );
    pipe(&folder.0.join("secret"));
    let made = Command::new("chmod").arg("600").arg(folder.0.join("secret")).status();
    assert!(made.unwrap().success());
    let told = mistakes(folder.0.clone());
    let found = only(&told);
    assert_eq!(found.key, "agents.101.secret_file");
    assert!(found.fault.contains("it is a pipe"), "{found}");
}

#[test]
fn a_file_too_large_to_be_a_configuration_is_not_read_to_its_end() {
    let folder = folder("large").with("practices/petit.toml", "");
    let file = fs::File::create(folder.0.join("practices/petit.toml")).unwrap();
    file.set_len(16 * 1024 * 1024 + 1).unwrap();
    let told = mistakes(folder.0.clone());
    let found = only(&told);
    assert!(found.fault.contains("larger than 16 MiB"), "{found}");
    assert!(found.remedy.contains("one file an item"), "{found}");
}

#[test]
fn a_file_where_a_parts_folder_belongs_and_a_folder_within_one_are_told() {
    let told = mistakes(folder("no-folder").with("teams", "").0.clone());
    assert!(only(&told).remedy.contains("a folder in its place"), "{told}");
    let deeper = folder("deeper").with("practices/north/petit.toml", "name = \"Petit\"");
    let told = mistakes(deeper.0.clone());
    let found = only(&told);
    assert_eq!(found.file, deeper.0.join("practices/north"));
    assert!(found.fault.contains("a folder within"), "{found}");
}

#[test]
fn a_toml_file_that_nothing_reads_is_a_warning() {
    let folder = folder("strays")
        .with("petit.toml", "name = \"Petit\"")
        .with("team.toml", "")
        .with("cabinets/petit.toml", "name = \"Petit\"")
        .with("cabinets/roche.toml", "")
        .with("kept/of/2025/roche.toml", "")
        .with("prompts/closed.toml", "")
        .with("data/records.sqlite", "")
        .with(".hidden/petit.toml", "")
        .with("cabinets/.petit.toml", "");
    let loaded = folder.load().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let told: Vec<(String, &str, &str)> = loaded
        .warnings
        .iter()
        .map(|warning| {
            let file = warning.0.file.strip_prefix(&folder.0).expect("it is in the folder");
            (file.display().to_string(), warning.0.fault.as_str(), warning.0.remedy.as_str())
        })
        .collect();
    let files: Vec<&str> = told.iter().map(|(file, ..)| file.as_str()).collect();
    assert_eq!(files, ["cabinets", "kept/of/2025", "petit.toml", "prompts", "team.toml"]);
    assert!(told[0].1.contains("2 files in it are not read (petit.toml, …)"), "{}", told[0].1);
    assert!(told[0].2.contains("practices/"), "{}", told[0].2);
    assert!(told[1].1.contains("roche.toml in it is not read"), "{}", told[1].1);
    assert!(told[2].1.contains("not read"), "{}", told[2].1);
    assert!(told[4].2.contains("into teams/, one file each"), "{}", told[4].2);
}

#[test]
fn beside_a_file_of_another_name_there_may_be_others() {
    let folder = Folder::new("odd-other").with("day.toml", MAIN).with("night.toml", MAIN);
    let loaded = config::load(&folder.0.join("day.toml"));
    let loaded = loaded.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(loaded.warnings, []);
}
