//! The only writer of YAML. It writes block style straight into a buffer from anything that is `Serialize`, typed
//! structures and `serde_json::Value` alike, in the shape that kustomize prints (kustomize 5.5): two spaces, the
//! dashes of a sequence under its key, `[]` and `{}` where empty. No flow style otherwise, no anchors, no tags, no
//! folding, and quotes wherever two readers could disagree ([`scalar`]).
//!
//! What is refused, because no resource needs it or no reader agrees on it: keys that are no strings, keys of more
//! than 1,024 characters (YAML's limit for keys of one line), NaN and infinities, bytes, and `Option::None`: a field
//! that is absent is skipped (`skip_serializing_if`), as Kubernetes drops a null and would report a lasting
//! difference. `serde_json::Value::Null`, which a raw resource may hold, is written as `null`.

mod error;
mod key;
mod scalar;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use serde::ser::{self, Serialize};

use error::Error;
pub use scalar::differs_between_readers;

/// Spaces of a level. Sequences take none.
const STEP: usize = 2;
/// The longest key on one line that readers accept (YAML 1.1 and 1.2, "implicit keys").
const LONGEST_KEY: usize = 1024;
/// The merge key of YAML 1.1. go-yaml v3 merges it in quotes too, so that kustomize loses it (kubectl 1.32, tried).
const MERGE: &str = "<<";

/// `value` as a YAML document without `---`, ended by a newline. The error says what cannot be written.
pub fn to_yaml<T: Serialize + ?Sized>(value: &T) -> Result<String, String> {
    let mut out = String::new();
    append_yaml(value, &mut out)?;
    Ok(out)
}

/// Appends `value` to `out`, which is empty or ends with a newline. After an error `out` holds a torn document.
pub fn append_yaml<T: Serialize + ?Sized>(value: &T, out: &mut String) -> Result<(), String> {
    value.serialize(Node { out, indent: 0, place: Place::Root }).map_err(|error| error.0)
}

/// Whether the fields of `value` are written in byte order of their names, as kustomize writes them: then a resource
/// is the same bytes whether a patch has touched it or not. For tests and debug assertions of typed structures; what
/// cannot be written at all has no order to complain of.
pub fn keys_are_sorted<T: Serialize + ?Sized>(value: &T) -> bool {
    let Ok(typed) = to_yaml(value) else { return true };
    serde_json::to_value(value).is_ok_and(|sorted| to_yaml(&sorted).is_ok_and(|sorted| sorted == typed))
}

/// What stands directly before the value.
#[derive(Clone, Copy)]
enum Place {
    /// Nothing.
    Root,
    /// `key:`
    Key,
    /// `-`
    Dash,
}

/// The place of one value.
struct Node<'a> {
    out: &'a mut String,
    /// Column of the keys or dashes that this value stands among.
    indent: usize,
    place: Place,
}

/// Sixty-four spaces: deeper lines are made of several pieces.
const SPACES: &str = "                                                                ";

fn push_spaces(out: &mut String, mut count: usize) {
    while count > SPACES.len() {
        out.push_str(SPACES);
        count -= SPACES.len();
    }
    out.push_str(SPACES.get(..count).unwrap_or(SPACES));
}

impl<'a> Node<'a> {
    /// The space before a value on the line of its key or dash.
    fn separate(&mut self) {
        if !matches!(self.place, Place::Root) {
            self.out.push(' ');
        }
    }

    fn scalar(mut self, write: impl FnOnce(&mut String)) {
        self.separate();
        write(self.out);
        self.out.push('\n');
    }

    fn map(self) -> Compound<'a> {
        let indent = match self.place {
            Place::Root => 0,
            Place::Key | Place::Dash => self.indent + STEP,
        };
        Compound { indent, node: self, empty: true }
    }

    fn seq(self) -> Compound<'a> {
        let indent = match self.place {
            Place::Root => 0,
            Place::Key => self.indent,
            Place::Dash => self.indent + STEP,
        };
        Compound { indent, node: self, empty: true }
    }

    /// `variant: …`, as serde_json shapes the variants of an enum.
    fn variant(self, variant: &str) -> Result<Self, Error> {
        let mut map = self.map();
        map.key(variant)?;
        Ok(Node { out: map.node.out, indent: map.indent, place: Place::Key })
    }
}

/// A mapping or sequence under way. Nothing is written before its first entry, as only then it is known whether it
/// is empty: structures may skip all their fields.
struct Compound<'a> {
    node: Node<'a>,
    indent: usize,
    empty: bool,
}

impl Compound<'_> {
    /// Goes to where the next key or dash stands.
    fn entry(&mut self) {
        let first = std::mem::replace(&mut self.empty, false);
        match self.node.place {
            Place::Root if first => {}
            Place::Dash if first => self.node.out.push(' '),
            Place::Key if first => {
                self.node.out.push('\n');
                push_spaces(self.node.out, self.indent);
            }
            Place::Root | Place::Dash | Place::Key => push_spaces(self.node.out, self.indent),
        }
    }

    fn key(&mut self, key: &str) -> Result<(), Error> {
        if key == MERGE {
            return Err(Error(format!("a key is `{MERGE}`, which kustomize drops even in quotes")));
        }
        self.entry();
        let start = self.node.out.len();
        scalar::push_string(self.node.out, key);
        if self.node.out.len() - start > LONGEST_KEY {
            return Err(Error(format!("a key is longer than {LONGEST_KEY} characters")));
        }
        self.node.out.push(':');
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(Node { out: self.node.out, indent: self.indent, place: Place::Key })
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.entry();
        self.node.out.push('-');
        value.serialize(Node { out: self.node.out, indent: self.indent, place: Place::Dash })
    }

    fn close(self, nothing: &str) {
        if self.empty {
            self.node.scalar(|out| out.push_str(nothing));
        }
    }
}

macro_rules! integers {
    ($($name:ident $type:ty,)+) => {
        $(fn $name(self, value: $type) -> Result<(), Error> {
            self.scalar(|out| scalar::push_integer(out, value.unsigned_abs().into(), value < 0));
            Ok(())
        })+
    };
}

macro_rules! naturals {
    ($($name:ident $type:ty,)+) => {
        $(fn $name(self, value: $type) -> Result<(), Error> {
            self.scalar(|out| scalar::push_integer(out, value.into(), false));
            Ok(())
        })+
    };
}

impl<'a> ser::Serializer for Node<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    integers! { serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, }
    naturals! { serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, }

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.scalar(|out| out.push_str(if value { "true" } else { "false" }));
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        // By way of the shortest decimal: 0.1f32 is 0.1 to whoever wrote it, not 0.10000000149.
        let decimal = value.to_string().parse::<f64>().map_err(|error| Error(error.to_string()))?;
        self.serialize_f64(decimal)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        let text = scalar::float(value).ok_or_else(|| Error(format!("{value} is no number that JSON has")))?;
        self.scalar(|out| out.push_str(&text));
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.scalar(|out| scalar::push_string(out, value));
        Ok(())
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        let mut result = Ok(());
        self.scalar(|out| {
            // Straight into its place: only what needs quotes is copied.
            let start = out.len();
            result = write!(out, "{value}").map_err(|_| Error("a value cannot be displayed".to_owned()));
            if !scalar::is_plain(out.get(start..).unwrap_or_default()) {
                let text = out.split_off(start);
                scalar::push_string(out, &text);
            }
        });
        result
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Error> {
        Err(Error("bytes are not written as YAML".to_owned()))
    }

    fn serialize_none(self) -> Result<(), Error> {
        Err(Error("an absent value arrived where it should have been skipped".to_owned()))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.scalar(|out| out.push_str("null"));
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self.variant(variant)?)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>, Error> {
        Ok(self.seq())
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>, Error> {
        Ok(self.seq())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, Error> {
        Ok(self.seq())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Error> {
        Ok(self.variant(variant)?.seq())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>, Error> {
        Ok(self.map())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, Error> {
        Ok(self.map())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Error> {
        Ok(self.variant(variant)?.map())
    }
}

macro_rules! sequences {
    ($($trait:ident $method:ident,)+) => {
        $(impl ser::$trait for Compound<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.element(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close("[]");
                Ok(())
            }
        })+
    };
}

sequences! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
}

macro_rules! structures {
    ($($trait:ident,)+) => {
        $(impl ser::$trait for Compound<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
                self.key(key)?;
                self.value(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close("{}");
                Ok(())
            }
        })+
    };
}

structures! { SerializeStruct, SerializeStructVariant, }

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        key.serialize(key::Key(self))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close("{}");
        Ok(())
    }
}
