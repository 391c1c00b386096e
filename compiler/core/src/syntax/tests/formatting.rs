//! The canonical form, rule by rule.

use super::super::format;
use super::*;

#[track_caller]
fn check(text: &str, formatted: &str) {
    let (file, diagnostics) = read(text);
    assert_eq!(diagnostics, []);
    assert_eq!(format(&file, text).as_deref(), Some(formatted));
}

#[test]
fn one_statement_on_a_line() {
    check("  a   b\t c;d e ;; f\n  g", "a b c\nd e\nf\ng\n");
    check("x {a;b;\n c\n}", "x {\n  a\n  b\n  c\n}\n");
    check("x {\n\n  y {\n z\n  }}", "x {\n  y {\n    z\n  }\n}\n");
    check("a b ,c,d", "a b, c, d\n");
    check("\n\n", "");
}

#[test]
fn a_block_on_one_line_stays_there_if_it_fits() {
    check("x {a 1;b 2 {c}}", "x { a 1; b 2 { c } }\n");
    check("x { }\ny {\n}\n", "x {}\ny {}\n");
    let value = "v".repeat(100 - "xy { a  }".len());
    check(&format!("xy {{ a {value} }}"), &format!("xy {{ a {value} }}\n"));
    check(&format!("xyz {{ a {value}; b {{ c }} }}"), &format!("xyz {{\n  a {value}\n  b {{ c }}\n}}\n"));
}

#[test]
fn lists_keep_their_line_breaks() {
    check("x {\n  a b,\nc,d,\n        e\n}", "x {\n  a b,\n      c, d,\n      e\n}\n");
    check("a b,  # one\n# two\n   c {\nd\n}", "a b,  # one\n    # two\n    c {\n  d\n}\n");
}

#[test]
fn empty_lines_become_one() {
    check("\n\na\n\n\n\nb\nx {\n\n  c\n\n\n  # d\n\n  e\n\n}\n\n\n", "a\n\nb\nx {\n  c\n\n  # d\n\n  e\n}\n");
    check("a\n;\n;\nb", "a\n\nb\n");
}

#[test]
fn comments_stay_where_they_are() {
    check(
        "# top\n\n   ## of x\nx { #open\n# above\n  a # behind\n  # last\n}# closed\n# end",
        "# top\n\n## of x\nx {  #open\n  # above\n  a  # behind\n  # last\n}  # closed\n# end\n",
    );
    check("x { a; b } # c  \n", "x { a; b }  # c\n");
    check("x {\n# only\n}", "x {\n  # only\n}\n");
    check("a; b # of b", "a\nb  # of b\n");
}

#[test]
fn second_words_are_aligned() {
    check("a 1\nbcd 2\n\nef 3", "a   1\nbcd 2\n\nef 3\n");
    check("a 1\nbcd {\n  x\n}\nef 3\n# c\ng 4", "a 1\nbcd {\n  x\n}\nef 3\n# c\ng 4\n");
    check("a 1\nbcd 2,\n  3\nef 4", "a 1\nbcd 2,\n    3\nef 4\n");
    check("a 1 {b}\nbcd 2", "a   1 { b }\nbcd 2\n");
    check("café 1\nab 2", "café 1\nab   2\n");
}

#[test]
fn long_keywords_are_not_waited_for() {
    let (fits, long) = ("k".repeat(20), "k".repeat(21));
    check(&format!("a 1\n{fits} 2"), &format!("a{}1\n{fits} 2\n", " ".repeat(20)));
    check(&format!("a 1\nbc 2\n{long} 3"), &format!("a 1\nbc 2\n{long} 3\n"));
}

#[test]
fn statements_without_a_second_word_take_no_part() {
    check("allow a\nheadless\ntimeout 2s", "allow   a\nheadless\ntimeout 2s\n");
    check("version 1\npool { a }\nejection { b }\nowner 2", "version 1\npool     { a }\nejection { b }\nowner 2\n");
}

#[test]
fn no_belongs_to_the_keyword() {
    check("no allow a\nrate-limit 1\nno retry", "no allow   a\nrate-limit 1\nno retry\n");
}

#[test]
fn third_words_are_aligned_if_they_are_the_same() {
    check("stage 5% for 2m\nstage 100% for 1h", "stage 5%   for 2m\nstage 100% for 1h\n");
    check("service a is b { c }\nservice defg is h {}", "service a    is b { c }\nservice defg is h {}\n");
    check("port 80 -> 8080\nport 8443 http", "port 80 -> 8080\nport 8443 http\n");
    check("allow a, to b\nallow cde, to b", "allow a, to b\nallow cde, to b\n");
    check("allow a to b\nexpose cde to b", "allow  a to b\nexpose cde to b\n");
}

#[test]
fn comments_of_a_run_are_aligned() {
    check("a 1 # x\nbcd 234567\nef 89 # y", "a   1   # x\nbcd 234567\nef  89  # y\n");
    check("a 1 # x\n\nbcd 2 # y", "a 1  # x\n\nbcd 2  # y\n");
}

#[test]
fn words_stay_as_written() {
    check(r#"a   "b  \"\n"   "c""#, "a \"b  \\\"\\n\" \"c\"\n");
}

#[test]
fn a_broken_file_is_not_touched() {
    for text in ["a b,,c", "a {", "a { b } c", "# \u{202e}\na"] {
        let (file, _) = read(text);
        assert_eq!(format(&file, text), None, "{text}");
    }
}
