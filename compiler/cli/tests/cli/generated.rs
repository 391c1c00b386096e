//! What is generated from the command's own definition.

use crate::folder::Folder;

const COMMANDS: [&str; 19] = [
    "init",
    "check",
    "render",
    "plan",
    "publish",
    "verify",
    "status",
    "why",
    "promote",
    "watch",
    "rollback",
    "resume",
    "rehearse",
    "fmt",
    "explain",
    "bootstrap",
    "doctor",
    "completions",
    "man",
];
/// Commands of `bootstrap`, which have pages of their own.
const OF_BOOTSTRAP: [&str; 8] = ["sync", "ci", "cron-job", "hook", "codeowners", "promql", "grafana", "k6"];

#[test]
fn every_shell_completes_every_command() {
    let folder = Folder::new(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = folder.meshc(&["completions", shell]).ended(0).stdout;
        for command in COMMANDS {
            assert!(text.contains(command), "{shell}: {command}");
        }
    }
    folder.meshc(&["completions", "command.com"]).ended(2);
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = Folder::new(&[]);
    assert!(folder.meshc(&["man"]).ended(0).stdout.contains(".TH meshc 1"));
    let run = folder.meshc(&["man", "--out", "man/man1"]).ended(0);
    assert_eq!(run.stdout, "28 pages in man/man1\n");
    let files = folder.files("man/man1");
    assert_eq!(files.len(), COMMANDS.len() + OF_BOOTSTRAP.len() + 1);
    let below = OF_BOOTSTRAP.map(|command| format!("bootstrap-{command}"));
    for command in COMMANDS.into_iter().chain(below.iter().map(String::as_str)) {
        let page = folder.read(&format!("man/man1/meshc-{command}.1"));
        assert!(
            page.contains(".SH SYNOPSIS") && page.contains(".SH \"OPTIONS OF EVERY COMMAND\""),
            "{command}: {page}"
        );
    }
}

#[test]
fn every_option_has_a_help() {
    let folder = Folder::new(&[]);
    for command in COMMANDS {
        let help = folder.meshc(&[command, "--help"]).ended(0).stdout;
        assert!(help.contains("Usage: meshc"), "{help}");
        let first = help.lines().next().unwrap();
        assert!(!first.ends_with('.') && first.chars().next().unwrap().is_uppercase(), "{first}");
    }
}
