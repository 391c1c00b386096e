//! Texts that a person could have written: correct ones in every style, and real ones with slips of the hand.

use proptest::prelude::*;

use super::SKETCHES;

/// Never the keyword of a declaration, which could not stand everywhere.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-d0-9./<>=%*@é-]{1,9}",
        1 => Just("no".to_owned()),
        1 => Just("stage".to_owned()),
        1 => "[a-d]{18,24}",
        1 => r#""([a-z {},;#é]|\\n|\\\\|\\"){0,9}""#,
    ]
}

fn comment() -> impl Strategy<Value = String> {
    "#{1,3}[ a-c\"{},;é]{0,8}"
}

/// What stands between two words; `lines` if that may be the end of a line.
fn gap(lines: bool) -> BoxedStrategy<String> {
    let short = prop_oneof![4 => " {1,3}", 1 => Just("\t".to_owned()), 2 => " ?, ?"];
    match lines {
        false => short.boxed(),
        true => prop_oneof![
            8 => short,
            1 => (prop::option::of(comment()), prop::collection::vec(comment(), 0..2), " {0,6}").prop_map(
                |(behind, below, indent)| {
                    let below: String = below.iter().map(|comment| format!("  {comment}\n")).collect();
                    format!(", {}\n{below}{indent}", behind.unwrap_or_default())
                }
            ),
        ]
        .boxed(),
    }
}

fn head(lines: bool) -> impl Strategy<Value = String> {
    (word(), prop::collection::vec((gap(lines), word()), 0..4))
        .prop_map(|(first, rest)| rest.into_iter().fold(first, |head, (gap, word)| head + &gap + &word))
}

/// Statements on one line, with blocks `depth` deep.
fn inline(depth: u32) -> BoxedStrategy<String> {
    let statement = match depth {
        0 => head(false).boxed(),
        _ => (head(false), prop::option::weighted(0.3, inline(depth - 1)))
            .prop_map(|(head, block)| head + &block.map_or_else(String::new, |block| format!(" {{{block}}}")))
            .boxed(),
    };
    (prop::collection::vec(statement, 0..3), " ?")
        .prop_map(|(list, space)| space.clone() + &list.join("; ") + &space)
        .boxed()
}

/// Lines of statements, with blocks `depth` deep.
fn block(depth: u32) -> BoxedStrategy<String> {
    let inner = match depth {
        0 => prop_oneof![Just(String::new()), inline(1).prop_map(|inner| format!("{{{inner}}}"))].boxed(),
        _ => prop_oneof![
            3 => Just(String::new()),
            2 => inline(2).prop_map(|inner| format!("{{{inner}}}")),
            2 => (prop::option::of(comment()), block(depth - 1)).prop_map(|(comment, block)| {
                format!("{{ {}\n{block}}}", comment.unwrap_or_default())
            }),
        ]
        .boxed(),
    };
    let above = prop_oneof![
        5 => Just(String::new()),
        2 => Just("\n".to_owned()),
        1 => Just(" ;\n\n".to_owned()),
        2 => comment().prop_map(|comment| comment + "\n"),
    ];
    let above = prop::collection::vec(above, 0..3).prop_map(|lines| lines.concat());
    let end = prop_oneof![
        5 => Just("\n".to_owned()),
        1 => Just(" ;".to_owned()),
        1 => Just(";\n".to_owned()),
        2 => comment().prop_map(|comment| format!(" {comment}\n")),
    ];
    let statement = (above, " {0,4}", head(true), " ?", inner, end)
        .prop_map(|(above, indent, head, space, inner, end)| format!("{above}{indent}{head}{space}{inner}{end}"));
    // The last statement may end with `;`, which a `}` or the end of the file may follow.
    prop::collection::vec(statement, 0..6).prop_map(|list| list.concat()).boxed()
}

/// A correct text.
pub(super) fn correct() -> impl Strategy<Value = String> {
    block(3)
}

/// A real file with a few characters deleted, inserted or moved.
pub(super) fn mutated() -> impl Strategy<Value = String> {
    let snippet = prop::sample::select(vec![
        "{",
        "}",
        ",",
        ";",
        "\"",
        "#",
        "##",
        "\n",
        "\\",
        "\n\n",
        "service x {\n",
        "namespace y ",
        "}\n}\n",
        " é",
        "\u{a0}",
    ]);
    let edit = (any::<prop::sample::Index>(), 0usize..12, snippet);
    (prop::sample::select(SKETCHES), prop::collection::vec(edit, 1..6)).prop_map(|((_, text), edits)| {
        let mut text: Vec<char> = text.chars().collect();
        for (at, deleted, inserted) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + deleted).min(text.len());
            text.splice(at..end, inserted.chars());
        }
        text.into_iter().collect()
    })
}

/// Any text, mostly of the characters that mean something.
pub(super) fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a{},;\"#\\\\\n é]{0,40}",
        prop::collection::vec(
            prop::sample::select(vec![
                "service",
                "namespace",
                "mesh",
                "environment",
                "use",
                "a",
                "b",
                "\"c\"",
                "\"d",
                "{",
                "}",
                "{\n",
                "}\n",
                ",",
                ";",
                "\n",
                "\n\n",
                "\n  ",
                "\n    ",
                "# e\n",
                "## f\n",
                " ",
            ]),
            0..60,
        )
        .prop_map(|tokens| tokens.join(" ")),
    ]
}
