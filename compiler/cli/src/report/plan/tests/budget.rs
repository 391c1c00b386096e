//! A comment fits, whatever it is about.

use meshc_core::plan::{Change, FileChange, Kind, Plan};
use meshc_core::source::SourceMap;

use super::report;
use crate::report::plan::EnvironmentPlan;
use crate::report::plan::human::human;
use crate::report::plan::markdown::markdown;

fn environment(name: &str, changes: usize, lines: usize, line: &str) -> EnvironmentPlan {
    let change = |index: usize| Change {
        kind: Kind::ALL[index % Kind::ALL.len()],
        subject: format!("shop/service-{index}").into(),
        text: format!("`shop/caller-{index}` may newly call everything"),
        path: "prod/shop/authorization-policy.yaml".to_owned(),
        cause: None,
        access: Vec::new(),
    };
    let mut changes: Vec<Change> = (0..changes).map(change).collect();
    changes.sort();
    let after: String = (0..lines).map(|index| format!("{line} {index}\n")).collect();
    let file = FileChange { path: format!("{name}/shop/a.yaml"), before: None, after: Some(after) };
    EnvironmentPlan { name: name.into(), plan: Plan { changes, files: vec![file] }, ..EnvironmentPlan::default() }
}

/// Whether a fence is open at the end of a text, and what stands outside of all of them.
fn outside(text: &str) -> (bool, String) {
    let mut open: Option<usize> = None;
    let mut out = String::new();
    for line in text.lines() {
        let ticks = line.chars().take_while(|letter| *letter == '`').count();
        match open {
            None if ticks >= 3 => open = Some(ticks),
            None => out.push_str(&format!("{line}\n")),
            Some(fence) if ticks >= fence && line.trim_end_matches('`').is_empty() => open = None,
            Some(_) => {}
        }
    }
    (open.is_some(), out)
}

#[test]
fn a_comment_fits_and_keeps_its_summary() {
    let sources = SourceMap::default();
    for changes in [0, 1, 40, 3_000] {
        for lines in [1, 50, 20_000] {
            for environments in [1, 3, 12] {
                let list = (0..environments)
                    .map(|index| environment(&format!("env-{index}"), changes, lines, "key: ````` value ü"))
                    .collect();
                let text = markdown(&report(list, &sources));
                let what = format!("{changes} changes, {lines} lines, {environments} environments");
                assert!(text.len() <= 60_000, "{what}: {} bytes", text.len());
                assert!(text.starts_with("<!-- meshc-plan:shop -->\n### `shop`: "), "{what}");
                let (open, prose) = outside(&text);
                assert!(!open, "{what}: a fence is open at the end");
                assert_eq!(prose.matches("<details>").count(), prose.matches("</details>").count(), "{what}");
                for index in 0..environments {
                    assert!(prose.contains(&format!("| env-{index} |")), "{what}");
                }
                // Where something is missing, a sentence outside of the fences says so.
                assert_eq!(lines == 20_000 || changes == 3_000, prose.contains("left out"), "{what}\n{prose}");
                if changes == 3_000 {
                    assert!(prose.contains("more changes are left out here"), "{what}");
                    assert!(prose.contains("**Weakens protection**"), "{what}: the riskiest are shown");
                }
            }
        }
    }
}

#[test]
fn nothing_in_a_text_is_markup_or_moves_a_cursor() {
    let sources = SourceMap::default();
    let mut one = environment("prod", 1, 1, "x");
    one.plan.changes[0].text = "`a` <img src=x> @everyone [x](y) \u{1b}[31m | *b*".to_owned();
    let list = report(vec![one], &sources);
    let text = markdown(&list);
    assert!(text.contains(r"`a` &lt;img src=x> &#64;everyone \[x\](y)"), "{text}");
    assert!(!text.contains('\u{1b}'));
    let shown = human(&list, true);
    assert!(!shown.contains("\u{1b}[31m |"), "{shown:?}");
}
