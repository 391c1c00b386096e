use super::tree::File;
/// x
pub fn format(_file: &File, _text: &str) -> Option<String> {
    None
}
