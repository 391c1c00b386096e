//! A plan as the comment of a pull request: the verdict and a table first, then the changes by risk, then diffs in folds.
//! Hosts refuse long comments (GitHub: 65,536 characters), so that everything but verdict and table has a budget:
//! changes give way from the least risky on, and diffs in their middle.

use meshc_core::plan::{Change, Risk, unified};

use super::{EnvironmentPlan, PlanReport, RISKS, cause, files, plain, verdict};

/// Bytes of a comment; room is left for what a workflow adds.
const MOST_BYTES: usize = 60_000;
/// Of these, bytes that changes leave to diffs, if there is as much of them.
const FOR_DIFFS: usize = 15_000;
/// A diff for which there is less room than this is left out as a whole.
const SMALLEST_DIFF: usize = 600;
/// What stands around a diff that is cut: the fold, four fences, two sentences with numbers.
const AROUND_DIFF: usize = 400;
/// The sentence about changes that are left out.
const LEFT_OUT: usize = 160;

/// The comment. Its first line is the mark by which an earlier one of the same mesh is found and replaced.
pub(crate) fn markdown(report: &PlanReport<'_>) -> String {
    let head = head(report);
    let changed: Vec<&EnvironmentPlan> =
        report.environments.iter().filter(|environment| !environment.plan.is_empty()).collect();
    let diffs: Vec<String> =
        changed.iter().map(|environment| environment.plan.files.iter().map(unified).collect()).collect();
    let fixed: usize = changed.iter().map(|environment| intro(environment).len() + LEFT_OUT).sum();
    let whole: usize = diffs.iter().map(|diff| diff.len() + AROUND_DIFF).sum();
    let room = MOST_BYTES.saturating_sub(head.len() + fixed);
    let shown = choose(report, &changed, room.saturating_sub(whole.min(FOR_DIFFS)));
    let mut sections: Vec<String> =
        changed.iter().zip(&shown).map(|(environment, count)| section(report, environment, *count)).collect();
    let used = head.len() + sections.iter().map(String::len).sum::<usize>();
    let rooms = share(MOST_BYTES.saturating_sub(used), &diffs);
    for (((section, environment), diff), room) in sections.iter_mut().zip(&changed).zip(&diffs).zip(rooms) {
        section.push_str(&fold(environment, diff, room));
    }
    head + &sections.concat()
}

/// Marker, verdict and table: never cut.
fn head(report: &PlanReport<'_>) -> String {
    let mut text = format!(
        "<!-- meshc-plan:{} -->\n### `{}`: {}\n\n| environment | weakens protection | behaviour | files | |\n|---|---:|---:|---:|---|\n",
        plain(report.mesh),
        plain(report.mesh),
        escaped(&verdict(report))
    );
    for environment in &report.environments {
        let plan = &environment.plan;
        let mut remarks: Vec<String> = Vec::new();
        if plan.is_empty() {
            remarks.push("nothing to change".to_owned());
        }
        remarks.extend(environment.step());
        remarks.extend(environment.note.as_deref().map(escaped));
        let weakens = match plan.count(Risk::Weakens) {
            0 => "0".to_owned(),
            count => format!("**{count}**"),
        };
        text.push_str(&format!(
            "| {} | {weakens} | {} | {} | {} |\n",
            escaped(&environment.name),
            plan.count(Risk::Behaviour),
            plan.files.len(),
            remarks.join("; ").replace('|', "\\|")
        ));
    }
    text
}

/// What an environment's section has beside its changes.
fn intro(environment: &EnvironmentPlan) -> String {
    let mut text = format!("\n#### {}\n", escaped(&environment.name));
    if let Some(step) = environment.step() {
        text.push_str(&format!("\nThis is {step}."));
        if !environment.waiting.is_empty() {
            text.push_str(" A later one brings:\n");
        }
        text.push('\n');
        const MOST_WAITING: usize = 10;
        for (path, why) in environment.waiting.iter().take(MOST_WAITING) {
            text.push_str(&format!("- `{}`: {}\n", plain(path), escaped(why)));
        }
        match environment.waiting.len().saturating_sub(MOST_WAITING) {
            0 => {}
            more => text.push_str(&format!("- and {more} more\n")),
        }
    }
    for (risk, heading) in RISKS {
        if environment.of_risk(risk).next().is_some() {
            text.push_str(&format!("\n**{heading}**\n\n"));
        }
    }
    text
}

/// How many changes of each environment are shown: the riskiest first, wherever they are.
fn choose(report: &PlanReport<'_>, changed: &[&EnvironmentPlan], mut room: usize) -> Vec<usize> {
    let mut shown = vec![0; changed.len()];
    for (risk, _) in RISKS {
        for (environment, shown) in changed.iter().zip(&mut shown) {
            for change in environment.of_risk(risk) {
                let line = item(report, change).len();
                if line > room {
                    // Nothing behind it is shown either, so that what is left out is always the rest.
                    room = 0;
                    break;
                }
                room -= line;
                *shown += 1;
            }
        }
    }
    shown
}

fn section(report: &PlanReport<'_>, environment: &EnvironmentPlan, count: usize) -> String {
    let mut text = String::new();
    let whole = intro(environment);
    // The headings of risks are written with their changes.
    let before = whole.find("\n**").unwrap_or(whole.len());
    text.push_str(whole.get(..before).unwrap_or_default());
    let mut left = count;
    for (risk, heading) in RISKS {
        let changes: Vec<&Change> = environment.of_risk(risk).take(left).collect();
        if changes.is_empty() {
            continue;
        }
        left -= changes.len();
        text.push_str(&format!("\n**{heading}**\n\n"));
        changes.into_iter().for_each(|change| text.push_str(&item(report, change)));
    }
    let more = environment.plan.changes.len() - count;
    if more > 0 {
        text.push_str(&format!("\n*{more} more changes are left out here; `meshc plan` shows all of them.*\n"));
    }
    text
}

/// One change as an item of a list.
fn item(report: &PlanReport<'_>, change: &Change) -> String {
    let at = change.cause.map_or(String::new(), |span| format!(" (`{}`)", plain(&cause(report, span))));
    let subject = plain(&change.subject).replace('`', "'");
    format!("- `{subject}`: {}{at}\n", escaped(&change.text))
}

/// Divides room among diffs: small ones get what they need, the others the same.
fn share(room: usize, diffs: &[String]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..diffs.len()).collect();
    order.sort_by_key(|index| diffs.get(*index).map_or(0, String::len));
    let mut rooms = vec![0; diffs.len()];
    let mut left = room;
    for (done, index) in order.iter().enumerate() {
        let need = diffs.get(*index).map_or(0, String::len) + AROUND_DIFF;
        let given = need.min(left / (diffs.len() - done));
        left -= given;
        if let Some(room) = rooms.get_mut(*index) {
            *room = given;
        }
    }
    rooms
}

/// A diff in a fold, in at most `room` bytes: whole, without its middle, or a sentence.
fn fold(environment: &EnvironmentPlan, diff: &str, room: usize) -> String {
    let summary = format!("Diff of {}: {}", plain(&environment.name), files(environment));
    if room < SMALLEST_DIFF.min(diff.len() + AROUND_DIFF) {
        let sentence = format!("\n*{summary}; it is left out here.*\n");
        return if sentence.len() <= room { sentence } else { String::new() };
    }
    let fence = fence(diff);
    let around = |text: String| {
        format!("\n<details><summary>{}</summary>\n\n{text}\n</details>\n", summary.replace('<', "&lt;"))
    };
    let fenced = |part: &str| format!("{fence}diff\n{part}{fence}\n");
    if diff.len() + AROUND_DIFF <= room {
        return around(fenced(diff));
    }
    let (first, middle, last) = cut(diff, room - AROUND_DIFF);
    let notice = format!(
        "\n*{} lines ({} bytes) are left out of the middle; `meshc plan` shows all of them.*\n\n",
        middle.lines().count(),
        middle.len()
    );
    around(fenced(first) + &notice + &fenced(last))
}

/// The first and the last lines of a text, together in at most `room` bytes, with what stands between them.
fn cut(text: &str, room: usize) -> (&str, &str, &str) {
    let mut first = 0;
    for line in text.split_inclusive('\n') {
        if first + line.len() > room / 3 * 2 {
            break;
        }
        first += line.len();
    }
    let mut last = text.len();
    for line in text.split_inclusive('\n').rev() {
        if text.len() - last + line.len() > room / 3 || last < first + line.len() {
            break;
        }
        last -= line.len();
    }
    let (head, rest) = text.split_at(first);
    let (middle, tail) = rest.split_at(last - first);
    (head, middle, tail)
}

/// Backticks that no run in the text can close.
fn fence(text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for letter in text.chars() {
        run = if letter == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    "`".repeat((longest + 1).max(3))
}

/// A sentence in which only what stands between backticks is markup.
fn escaped(text: &str) -> String {
    let text = plain(text);
    let balanced = text.matches('`').count().is_multiple_of(2);
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '`' if balanced => {
                inside = !inside;
                out.push(letter);
            }
            _ if inside => out.push(letter),
            '<' => out.push_str("&lt;"),
            // A comment must not call people by chance.
            '@' => out.push_str("&#64;"),
            '\\' | '*' | '_' | '[' | ']' | '`' | '~' | '#' | '|' => out.extend(['\\', letter]),
            _ => out.push(letter),
        }
    }
    out
}
